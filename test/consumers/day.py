"""Reads a topic of readings from its beginning to its end and prints, by record key, how many readings there are and the sum of their values.

day.py BROKERS TOPIC [FROM-MS TO-MS]: with two times (ms since 1970), only records whose time lies in between: a day, for example.
"""
import json
import sys
from uuid import uuid4

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

brokers, topic, *times = sys.argv[1:]
consumer = Consumer({
    "bootstrap.servers": brokers,
    "group.id": f"day-{uuid4()}",
    "isolation.level": "read_committed",  # what a transaction took back is not seen
    "enable.auto.commit": False,
})
partitions = [TopicPartition(topic, it) for it in consumer.list_topics(topic, 30).topics[topic].partitions]
ends = {it.partition: consumer.get_watermark_offsets(it, timeout=30)[1] for it in partitions}
if times:
    starts = consumer.offsets_for_times([TopicPartition(topic, it.partition, int(times[0])) for it in partitions], timeout=30)
    left = {it.partition: it for it in starts if it.offset != OFFSET_END and it.offset < ends[it.partition]}
else:
    starts = [TopicPartition(topic, it.partition, consumer.get_watermark_offsets(it, timeout=30)[0]) for it in partitions]
    left = {it.partition: it for it in starts if it.offset < ends[it.partition]}

tags: dict[str, list] = {}
consumer.assign(list(left.values()))
while left:
    for message in consumer.consume(1000, timeout=0.5):
        if message.error():
            raise SystemExit(str(message.error()))
        if message.offset() >= ends[message.partition()]:
            continue
        if times and not int(times[0]) <= message.timestamp()[1] < int(times[1]):
            continue
        total = tags.setdefault(message.key().decode(), [0, 0.0])
        total[0] += 1
        total[1] += json.loads(message.value())["value_double"]
    # The position passes the ends of transactions too, which are no records.
    for it in consumer.position(list(left.values())):
        if it.offset >= ends[it.partition]:
            left.pop(it.partition)
consumer.close()
print(json.dumps(tags))
