from concurrent.futures import ThreadPoolExecutor

from ecgrnn.runs import quoted, resumed_words, write_whole, write_words


def test_many_that_write_one_file_at_once_leave_it_whole_and_nothing_beside(tmp_path):
    texts = [f"{number}\n" * 1000 for number in range(4)]
    with ThreadPoolExecutor(len(texts)) as pool:
        list(pool.map(lambda text: [write_whole(tmp_path / "a", text) for _ in range(5)], texts))
    assert (tmp_path / "a").read_text() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_quoted_value_is_read_back_whatever_is_in_it():
    from hydra.core.override_parser.overrides_parser import OverridesParser

    values = ["ä", "(a", "a=b", "[1]", "a, b", "it's", "\\", "a\\'b", 'c"d', "a\\\\", "x:y", "50%"]
    read = OverridesParser.create().parse_overrides([f"a={quoted(value)}" for value in values])
    assert [one.value() for one in read] == values


def test_a_run_in_a_folder_with_any_name_is_resumed_there(tmp_path):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    folder = tmp_path / "Jo's (ä)=[1], 2"
    folder.mkdir()
    (folder / "config.yaml").write_text("seed: 3\n")
    write_words(folder, ["seed=3"])
    words = resumed_words([f"resume={folder}"], {})
    assert words[0] == "seed=3"
    read = OverridesParser.create().parse_overrides(words[1:])
    assert {one.key_or_group: one.value() for one in read} == {"run_dir": str(folder), "resume": str(folder)}
