// kafkajs: produces with and without gzip, and administers. Its consumer needs groups, which are not there yet.

const assert = require('node:assert');
const { Kafka, CompressionTypes, logLevel } = require('kafkajs');

const topic = `smoke-kafkajs-${Math.random().toString(36).slice(2, 10)}`;
const kafka = new Kafka({ brokers: [process.env.BOOTSTRAP], logLevel: logLevel.ERROR });

async function main() {
  const admin = kafka.admin();
  await admin.connect();
  const config = [{ name: 'retention.ms', value: '3600000' }];
  assert(await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1, configEntries: config }] }));
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  let offset = 0;
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    for (let round = 0; round < 20; round++) {
      const messages = Array.from({ length: 10 }, (_, i) => ({
        key: i % 3 ? `k${i}` : null, value: i % 7 ? `value ${i}` : null, headers: { h: ['1', '2'] },
      }));
      const [sent] = await producer.send({ topic, messages, compression, acks: -1 });
      assert.deepStrictEqual([sent.errorCode, sent.baseOffset], [0, String(offset)]);
      offset += messages.length;
    }
  }
  await producer.disconnect();
  const [offsets] = await admin.fetchTopicOffsets(topic);
  assert.deepStrictEqual([offsets.low, offsets.high], ['0', String(offset)]);
  await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
  const metadata = await admin.fetchTopicMetadata({ topics: [topic] });
  assert.strictEqual(metadata.topics[0].partitions.length, 2);
  const described = await admin.describeConfigs({ resources: [{ type: 2, name: topic }], includeSynonyms: false });
  const retention = described.resources[0].configEntries.find((entry) => entry.configName === 'retention.ms');
  assert.strictEqual(retention.configValue, '3600000');
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '10' }] });
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
  console.log(`kafkajs: ${offset} records`);
}

main().catch((error) => { console.error(error); process.exit(1); });
