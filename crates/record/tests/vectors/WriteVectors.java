// Writes record batches with Apache Kafka's own code, and says what Kafka reads in any batch.
// One file, no package; it needs kafka-clients and the codecs' jars on the class path:
//
//   java -cp "$KAFKA_LIBS/*" WriteVectors.java write DIRECTORY    the vectors beside this file
//   java -cp "$KAFKA_LIBS/*" WriteVectors.java read FILE...       what Kafka reads in these batches

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.ByteBufferOutputStream;
import org.apache.kafka.common.utils.ByteUtils;
import org.apache.kafka.common.utils.Utils;

public class WriteVectors {
    static final long T = 1_700_000_000_000L;
    static final Header[] NONE = {};
    static final BufferSupplier BUFFERS = BufferSupplier.NO_CACHING;

    public static void main(String[] args) throws IOException {
        switch (args[0]) {
            case "write" -> write(Path.of(args[1]));
            case "read" -> {
                for (String file : Arrays.asList(args).subList(1, args.length)) {
                    System.out.print(describe(ByteBuffer.wrap(Files.readAllBytes(Path.of(file)))));
                }
            }
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    // ---- the batches ----

    static void write(Path to) throws IOException {
        for (CompressionType type : CompressionType.values()) {
            Compression codec = Compression.of(type).build();
            String name = type.name;
            save(to, name + "-mixed", plain(codec, WriteVectors::mixed));
            save(to, name + "-long", plain(codec, WriteVectors::manyLines));
        }
        save(to, "lz4-incompressible", plain(Compression.lz4().build(), b -> b.append(T, null, noise(70_000))));
        save(to, "snappy-incompressible", plain(Compression.snappy().build(), b -> b.append(T, null, noise(40_000))));
        save(to, "zstd-level-19", plain(Compression.zstd().level(19).build(), WriteVectors::manyLines));
        save(to, "gzip-level-1", plain(Compression.gzip().level(1).build(), WriteVectors::manyLines));
        save(to, "times", plain(Compression.NONE, WriteVectors::times));
        save(to, "no-timestamp", plain(Compression.NONE, b -> b.append(RecordBatch.NO_TIMESTAMP, null, utf8("v"))));
        save(to, "one-empty-record", plain(Compression.NONE, b -> b.append(0L, (byte[]) null, null)));
        save(to, "varint-edges", plain(Compression.NONE, WriteVectors::varintEdges));
        save(to, "three-hundred", plain(Compression.NONE, b -> repeat(b, 300)));
        save(to, "append-time", append(Compression.NONE));
        save(to, "append-time-zstd", append(Compression.zstd().build()));
        save(to, "idempotent", batch(Compression.NONE, TimestampType.CREATE_TIME, 4_000L, RecordBatch.NO_TIMESTAMP,
                77L, (short) 3, 2_147_483_646, false, false, 9, b -> repeat(b, 4)));
        save(to, "transactional", batch(Compression.NONE, TimestampType.CREATE_TIME, Long.MAX_VALUE - 10,
                RecordBatch.NO_TIMESTAMP, Long.MAX_VALUE, Short.MAX_VALUE, 0, true, false, Integer.MAX_VALUE,
                b -> repeat(b, 2)));
        save(to, "commit-marker", marker(ControlRecordType.COMMIT));
        save(to, "abort-marker", marker(ControlRecordType.ABORT));
        save(to, "delete-horizon", deleteHorizon());
        save(to, "gaps", gaps());
        Files.writeString(to.resolve("varints.txt"), varints());
        Files.writeString(to.resolve("murmur2.txt"), murmur2());
    }

    static void mixed(MemoryRecordsBuilder b) {
        b.append(T, utf8("key"), utf8("value"));
        b.append(T + 1, (byte[]) null, utf8("no key"));
        b.append(T + 2, utf8("tombstone"), (byte[]) null);
        b.append(T + 3, (byte[]) null, null);
        b.append(T + 4, new byte[0], new byte[0]);
        b.append(T + 5, utf8("h"), utf8("duplicates"), new Header[] {
            new RecordHeader("h", utf8("1")), new RecordHeader("h", utf8("2")), new RecordHeader("h", utf8("1"))});
        b.append(T + 6, utf8("h"), utf8("odd ones"), new Header[] {
            new RecordHeader("", new byte[0]), new RecordHeader("null", null), new RecordHeader("\u00fc\u4e2d\ud83d\ude80", utf8("x"))});
        b.append(T - 1_000, utf8("earlier"), utf8("than the first"));
        b.append(T + 100_000_000_000L, utf8("much later"), utf8("than the first"));
        b.append(T, noise(200), noise(300), NONE);
    }

    static void manyLines(MemoryRecordsBuilder b) {
        for (int i = 0; i < 500; i++) {
            b.append(T + i, utf8("flight-" + i % 7), utf8("{\"line\":" + i + ",\"text\":\"" + "departed ".repeat(12) + "\"}"));
        }
    }

    static void times(MemoryRecordsBuilder b) {
        b.append(T, null, utf8("first"));
        b.append(0L, null, utf8("1970"));
        b.append(Long.MAX_VALUE, null, utf8("the end"));
        b.append(T, null, utf8("again"));
    }

    static void varintEdges(MemoryRecordsBuilder b) {
        for (int bits = 0; bits < 63; bits++) {
            b.append(T + (1L << bits), new byte[bits], null);
        }
        for (int length : new int[] {63, 64, 127, 128, 8_191, 8_192}) {
            b.append(T - length, null, new byte[length]);
        }
    }

    static void repeat(MemoryRecordsBuilder b, int count) {
        for (int i = 0; i < count; i++) b.append(T + i, utf8("k" + i), utf8("v" + i));
    }

    static ByteBuffer plain(Compression codec, Consumer<MemoryRecordsBuilder> fill) {
        return batch(codec, TimestampType.CREATE_TIME, 0L, RecordBatch.NO_TIMESTAMP, RecordBatch.NO_PRODUCER_ID,
                RecordBatch.NO_PRODUCER_EPOCH, RecordBatch.NO_SEQUENCE, false, false, -1, fill);
    }

    static ByteBuffer append(Compression codec) {
        return batch(codec, TimestampType.LOG_APPEND_TIME, 123L, T + 55, RecordBatch.NO_PRODUCER_ID,
                RecordBatch.NO_PRODUCER_EPOCH, RecordBatch.NO_SEQUENCE, false, false, 5, b -> repeat(b, 3));
    }

    static ByteBuffer batch(Compression codec, TimestampType kind, long baseOffset, long appendTime, long producerId,
            short epoch, int sequence, boolean transactional, boolean control, int leaderEpoch,
            Consumer<MemoryRecordsBuilder> fill) {
        MemoryRecordsBuilder b = MemoryRecords.builder(ByteBuffer.allocate(1 << 20), RecordBatch.MAGIC_VALUE_V2, codec, kind,
                baseOffset, appendTime, producerId, epoch, sequence, transactional, control, leaderEpoch);
        fill.accept(b);
        return b.build().buffer();
    }

    static ByteBuffer marker(ControlRecordType type) {
        return MemoryRecords.withEndTransactionMarker(900L, T, 4, 77L, (short) 3, new EndTransactionMarker(type, 12)).buffer();
    }

    static ByteBuffer deleteHorizon() throws IOException {
        MemoryRecordsBuilder b = new MemoryRecordsBuilder(new ByteBufferOutputStream(ByteBuffer.allocate(1 << 16)),
                RecordBatch.MAGIC_VALUE_V2, Compression.NONE, TimestampType.CREATE_TIME, 0L, RecordBatch.NO_TIMESTAMP,
                RecordBatch.NO_PRODUCER_ID, RecordBatch.NO_PRODUCER_EPOCH, RecordBatch.NO_SEQUENCE, false, false, 2,
                1 << 16, T + 86_400_000L);
        b.append(T, utf8("gone"), (byte[]) null);
        b.append(T + 1, utf8("kept"), utf8("v"));
        return b.build().buffer();
    }

    // What compaction leaves: offsets with gaps, and a last offset beyond the last record.
    static ByteBuffer gaps() {
        return batch(Compression.NONE, TimestampType.CREATE_TIME, 50L, RecordBatch.NO_TIMESTAMP, RecordBatch.NO_PRODUCER_ID,
                RecordBatch.NO_PRODUCER_EPOCH, RecordBatch.NO_SEQUENCE, false, false, 2, b -> {
                    b.appendWithOffset(52L, T, utf8("a"), utf8("1"));
                    b.appendWithOffset(57L, T + 1, utf8("b"), utf8("2"));
                    b.overrideLastOffset(60L);
                });
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static byte[] noise(int length) {
        byte[] bytes = new byte[length];
        long state = 88_172_645_463_325_252L;
        for (int i = 0; i < length; i++) {
            state ^= state << 13;
            state ^= state >>> 7;
            state ^= state << 17;
            bytes[i] = (byte) state;
        }
        return bytes;
    }

    static void save(Path to, String name, ByteBuffer batch) throws IOException {
        byte[] bytes = Utils.toArray(batch.duplicate());
        Files.write(to.resolve(name + ".batch"), bytes);
        Files.writeString(to.resolve(name + ".txt"), describe(ByteBuffer.wrap(bytes)));
    }

    // ---- what Kafka reads ----

    static String describe(ByteBuffer bytes) {
        StringBuilder out = new StringBuilder();
        for (RecordBatch batch : MemoryRecords.readableRecords(bytes).batches()) {
            batch.ensureValid();
            out.append(header(batch));
            List<String> lines = new ArrayList<>();
            try (var records = batch.streamingIterator(BUFFERS)) {
                while (records.hasNext()) lines.add(record(records.next()));
            }
            out.append(String.join("", shortened(lines)));
        }
        return out.toString();
    }

    // Many records as the first two, the CRC of all lines, and the last.
    static List<String> shortened(List<String> lines) {
        if (lines.size() <= 80) return lines;
        CRC32C crc = new CRC32C();
        for (String line : lines) crc.update(utf8(line));
        String middle = String.format(".. %d records, crc of these lines %08x%n", lines.size(), crc.getValue());
        return List.of(lines.get(0), lines.get(1), middle, lines.get(lines.size() - 1));
    }

    static String header(RecordBatch b) {
        return String.format("batch base_offset=%d last_offset=%d leader_epoch=%d codec=%s timestamps=%s max_timestamp=%d "
                + "delete_horizon=%s transactional=%b control=%b producer=%d epoch=%d sequence=%d..%d count=%d size=%d crc=%08x%n",
                b.baseOffset(), b.lastOffset(), b.partitionLeaderEpoch(), b.compressionType().name, b.timestampType().name,
                b.maxTimestamp(), b.deleteHorizonMs().isPresent() ? b.deleteHorizonMs().getAsLong() : "none",
                b.isTransactional(), b.isControlBatch(), b.producerId(), b.producerEpoch(), b.baseSequence(),
                b.lastSequence(), b.countOrNull(), b.sizeInBytes(), b.checksum());
    }

    static String record(Record r) {
        StringBuilder out = new StringBuilder();
        out.append(String.format("record offset=%d timestamp=%d key=%s value=%s", r.offset(), r.timestamp(),
                field(r.hasKey() ? Utils.toArray(r.key()) : null), field(r.hasValue() ? Utils.toArray(r.value()) : null)));
        for (Header header : r.headers()) {
            out.append(String.format(" header %s=%s", field(utf8(header.key())), field(header.value())));
        }
        return out.append('\n').toString();
    }

    // Bytes in hexadecimal; long ones as their length and CRC-32C.
    static String field(byte[] bytes) {
        if (bytes == null) return "null";
        if (bytes.length <= 40) return "[" + hex(bytes) + "]";
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return String.format("[%d bytes, crc %08x]", bytes.length, crc.getValue());
    }

    static String hex(byte[] bytes) {
        StringBuilder out = new StringBuilder();
        for (byte b : bytes) out.append(String.format("%02x", b));
        return out.toString();
    }

    // ---- varints and hashes ----

    static String varints() {
        int[][] cases = {
            {0x00}, {0x01}, {0x02}, {0x7f}, {0x80, 0x00}, {0x80, 0x80, 0x00}, {0x81, 0x80, 0x80, 0x00},
            {0x80, 0x80, 0x80, 0x80, 0x00}, {0x81, 0x80, 0x80, 0x80, 0x00}, {0xff, 0xff, 0xff, 0xff, 0x0f},
            {0xfe, 0xff, 0xff, 0xff, 0x0f}, {0xff, 0xff, 0xff, 0xff, 0x1f}, {0xff, 0xff, 0xff, 0xff, 0x7f},
            {0xff, 0xff, 0xff, 0xff, 0x70}, {0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, {0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
            {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, {0x80}, {0x80, 0x80}, {},
            {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
            {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02},
            {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, {0xac, 0x02}, {0xd8, 0x04, 0x05},
        };
        StringBuilder out = new StringBuilder("# bytes, what readVarint makes of them, what readVarlong does\n");
        for (int[] c : cases) {
            byte[] bytes = new byte[c.length];
            for (int i = 0; i < c.length; i++) bytes[i] = (byte) c[i];
            out.append(String.format("%s %s %s%n", c.length == 0 ? "-" : hex(bytes),
                    attempt(() -> ByteUtils.readVarint(ByteBuffer.wrap(bytes))), attempt(() -> ByteUtils.readVarlong(ByteBuffer.wrap(bytes)))));
        }
        return out.toString();
    }

    static String attempt(java.util.function.Supplier<Object> read) {
        try {
            return read.get().toString();
        } catch (RuntimeException e) {
            return "refused";
        }
    }

    static String murmur2() {
        StringBuilder out = new StringBuilder("# key, Utils.murmur2, partition of 1, of 7, of 1000\n");
        for (String key : new String[] {"", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh", "21", "foobar",
            "a-little-bit-long-string", "a-little-bit-longer-string", "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            "\u00fc\u4e2d\ud83d\ude80", "\u0000", "\u0000\u0000\u0000\u0000", "\u00ff\u00fe\u00fd"}) {
            byte[] bytes = utf8(key);
            out.append(String.format("%s %d %d %d %d%n", bytes.length == 0 ? "-" : hex(bytes), Utils.murmur2(bytes),
                    BuiltInPartitioner.partitionForKey(bytes, 1), BuiltInPartitioner.partitionForKey(bytes, 7),
                    BuiltInPartitioner.partitionForKey(bytes, 1000)));
        }
        for (int length = 1; length <= 33; length++) {
            byte[] bytes = noise(length);
            out.append(String.format("%s %d %d %d %d%n", hex(bytes), Utils.murmur2(bytes),
                    BuiltInPartitioner.partitionForKey(bytes, 1), BuiltInPartitioner.partitionForKey(bytes, 7),
                    BuiltInPartitioner.partitionForKey(bytes, 1000)));
        }
        return out.toString();
    }
}
