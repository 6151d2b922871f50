"""Command ``prepare``: find, simulate or fetch a database and fill the cache with what ``train`` opens."""

from ecgrnn.commands.idle import check_training
from ecgrnn.commands.stages import Stages, say, say_all
from ecgrnn.data.collection import annotation_notes, open_collection
from ecgrnn.options.commands import PrepareConfig
from ecgrnn.tasks import task_of


def run(options: PrepareConfig) -> None:
    """Prepare as the options say."""
    task, stages = task_of(options.task), Stages()
    check_training(options, task)
    # The training will look for what is prepared here.
    view = task.training_view(options)
    with stages.timed("prepare"):
        collection = open_collection(
            options.data,
            options.preprocessing,
            annotators=view.annotators,
            shard=options.shard,
            shards=options.shards,
            processes=options.processes,
        )
    records = collection.records.values()
    hours = sum(record.source_samples / record.source_fs_hz for record in records) / 3600
    say(f"{collection.database.title}")
    if options.shards > 1:
        say(f"shard       {options.shard} of {options.shards}")
    say(f"records     {len(records)}, {hours:.1f} h, prepared in {stages.seconds['prepare']:.1f} s")
    say_all(annotation_notes(records))
    for name, reason in collection.database.exclusions.items():
        say(f"left out    {name}: {reason}")
    say(f"signals     {collection.folder}")
    say(f"cache       {options.data.cache}/{collection.database.name}")
