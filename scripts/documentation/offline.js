// A page opened from a disk may not start a worker from a file: start the search from its text instead.
if (location.protocol === "file:") {
  const FromFile = window.Worker;
  window.Worker = function () {
    return new FromFile(URL.createObjectURL(new Blob([SEARCH_WORKER], { type: "text/javascript" })));
  };
}
