// What a Kafka broker says of batches that a producer sends: the checks of its produce path, from its own classes.
// One file, no package; it needs a Kafka release's jars on the class path:
//
//   java -cp "$KAFKA_LIBS/*" JudgeBatches.java FILE
//
// FILE holds batches, each after its length (big-endian, 4 bytes). A line for each comes out: `taken CRC SIZE` of the
// bytes that the broker would append at offset 1000 under leader epoch 7, or `refused` and why.

import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32C;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.PrimitiveRef;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;

public class JudgeBatches {
    static final LogValidator.MetricsRecorder NO_METRICS = new LogValidator.MetricsRecorder() {
        public void recordInvalidMagic() { }
        public void recordInvalidOffset() { }
        public void recordInvalidSequence() { }
        public void recordInvalidChecksums() { }
        public void recordNoKeyCompactedTopic() { }
    };

    public static void main(String[] args) throws IOException {
        StringBuilder out = new StringBuilder();
        try (DataInputStream in = new DataInputStream(Files.newInputStream(Path.of(args[0])))) {
            while (in.available() > 0) {
                byte[] batch = new byte[in.readInt()];
                in.readFully(batch);
                out.append(judge(batch)).append('\n');
            }
        }
        System.out.print(out);
    }

    static String judge(byte[] bytes) {
        try {
            byte[] appended = append(bytes);
            CRC32C crc = new CRC32C();
            crc.update(appended);
            return String.format("taken %08x %d", crc.getValue(), appended.length);
        } catch (Throwable e) {
            String reason = e.getClass().getSimpleName() + ": " + e.getMessage();
            return "refused " + reason.replaceAll("[^ -~]", "?");
        }
    }

    static byte[] append(byte[] bytes) {
        MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
        MutableRecordBatch only = null;
        for (MutableRecordBatch batch : records.batches()) {
            if (only != null) throw new IllegalArgumentException("more than one batch");
            only = batch;
        }
        if (only == null || only.sizeInBytes() != bytes.length) throw new IllegalArgumentException("not one whole batch");
        if (only.magic() != RecordBatch.MAGIC_VALUE_V2) throw new IllegalArgumentException("magic " + only.magic());
        only.ensureValid();
        CompressionType type = only.compressionType();
        LogValidator validator = new LogValidator(records, new TopicPartition("t", 0), Time.SYSTEM, type,
                Compression.of(type).build(), false, RecordBatch.MAGIC_VALUE_V2, TimestampType.CREATE_TIME,
                Long.MAX_VALUE, Long.MAX_VALUE, 7, AppendOrigin.CLIENT);
        MemoryRecords valid = validator
                .validateMessagesAndAssignOffsets(PrimitiveRef.ofLong(1000), NO_METRICS, BufferSupplier.NO_CACHING)
                .validatedRecords();
        return Utils.toArray(valid.buffer().duplicate());
    }
}
