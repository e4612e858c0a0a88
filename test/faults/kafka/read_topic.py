"""Prints a topic as librdkafka's read_committed consumer sees it, a line of JSON a record: {"headers": …, "value": …}.

    read_topic.py BOOTSTRAP TOPIC

Up to a mark behind all that is there: it comes only when no transaction before it is open.
"""
import json
import sys
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition

bootstrap, topic = sys.argv[1:3]
mark = str(uuid4()).encode()
producer = Producer({"bootstrap.servers": bootstrap})
partitions = list(producer.list_topics(topic, 30).topics[topic].partitions)
for it in partitions:
    producer.produce(topic, mark, b"mark", partition=it)
if producer.flush(30) > 0:
    sys.exit("the marks did not arrive")

consumer = Consumer({
    "bootstrap.servers": bootstrap,
    "group.id": mark.decode(),
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "fetch.wait.max.ms": 100,
})
consumer.assign([TopicPartition(topic, it, 0) for it in partitions])
left = set(partitions)
while left:
    for record in consumer.consume(1_000, 1.0):
        if record.error():
            sys.exit(str(record.error()))
        if record.key() == b"mark":
            if record.value() == mark:
                left.discard(record.partition())
            continue
        headers = json.dumps({name: value.decode() for name, value in record.headers() or []})
        sys.stdout.write(f'{{"headers":{headers},"value":{record.value().decode()}}}\n')
consumer.close()
