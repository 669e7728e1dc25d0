// Writes the byte vectors of this directory with Apache Kafka's own classes:
//
//   java -cp "KAFKA_LIBS/*" Vectors.java > kafka-4.3.1.txt
//
// For every message and version that the codec knows, one vector with every field set and one with every field at its
// least, as lines of message, version and hex. The values are made from the schemas in the jar of kafka-clients.

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.*;
import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.common.protocol.*;

public class Vectors {
    static final String[] APIS = {
        "Produce", "Fetch", "ListOffsets", "Metadata", "FindCoordinator", "ApiVersions", "CreateTopics", "DeleteTopics",
        "DeleteRecords", "InitProducerId", "OffsetForLeaderEpoch", "DescribeConfigs", "AlterConfigs", "DescribeLogDirs",
        "CreatePartitions", "ElectLeaders", "IncrementalAlterConfigs", "ListPartitionReassignments", "DescribeQuorum",
        "UpdateFeatures", "DescribeCluster", "DescribeProducers", "DescribeTopicPartitions",
    };
    static final ObjectMapper MAPPER = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
    static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    static Map<String, JsonNode> common;
    static int counter;

    public static void main(String[] args) throws Exception {
        System.out.println("# Written by Vectors.java with the classes of Apache Kafka " + version() + ".");
        for (String api : APIS) {
            for (String half : new String[] {"Request", "Response"}) {
                write(api + half);
            }
        }
    }

    static String version() {
        return org.apache.kafka.common.utils.AppInfoParser.getVersion();
    }

    static void write(String message) throws Exception {
        JsonNode schema = MAPPER.readTree(Vectors.class.getResourceAsStream("/common/message/" + message + ".json"));
        common = new HashMap<>();
        for (JsonNode struct : schema.path("commonStructs")) {
            common.put(struct.get("name").asText(), struct.get("fields"));
        }
        int[] versions = range(schema.get("validVersions").asText());
        for (int version = versions[0]; version <= versions[1]; version++) {
            for (boolean full : new boolean[] {true, false}) {
                counter = 0;
                JsonNode value = struct(schema.get("fields"), version, full);
                System.out.println(message + " " + version + " " + bytes(message, value, (short) version));
            }
        }
    }

    static String bytes(String message, JsonNode value, short version) throws Exception {
        Class<?> converter = Class.forName("org.apache.kafka.common.message." + message + "DataJsonConverter");
        Message data = (Message) converter.getMethod("read", JsonNode.class, short.class).invoke(null, value, version);
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(data, version).buffer();
        return HexFormat.of().formatHex(buffer.array(), buffer.position(), buffer.limit());
    }

    static ObjectNode struct(JsonNode fields, int version, boolean full) {
        ObjectNode node = NODES.objectNode();
        for (JsonNode field : fields) {
            if (in(field.get("versions").asText(), version)) {
                boolean optional = !full && field.has("tag");
                if (!optional) {
                    String name = field.get("name").asText();
                    node.set(Character.toLowerCase(name.charAt(0)) + name.substring(1), value(field, version, full));
                }
            }
        }
        return node;
    }

    static JsonNode value(JsonNode field, int version, boolean full) {
        String type = field.get("type").asText();
        if (!full && field.has("nullableVersions") && in(field.get("nullableVersions").asText(), version)) {
            return NODES.nullNode();
        }
        if (type.startsWith("[]")) {
            ArrayNode array = NODES.arrayNode();
            for (int i = 0; full && i < 2; i++) {
                array.add(scalar(field, type.substring(2), version, full));
            }
            return array;
        }
        return scalar(field, type, version, full);
    }

    static JsonNode scalar(JsonNode field, String type, int version, boolean full) {
        int next = full ? ++counter : 0;
        switch (type) {
            case "bool": return NODES.booleanNode(full);
            case "int8": return NODES.numberNode(next % 100);
            case "int16": case "uint16": return NODES.numberNode(next * 7);
            case "int32": case "uint32": return NODES.numberNode(next * 70_001);
            case "int64": return NODES.numberNode(next * 7_000_000_001L);
            case "string": return NODES.textNode(full ? "text \u00e4 " + next : "");
            case "uuid": return NODES.textNode(new org.apache.kafka.common.Uuid(next, -next).toString());
            case "bytes": case "records": return NODES.binaryNode(full ? ("bytes " + next).getBytes() : new byte[0]);
            default: return struct(field.has("fields") ? field.get("fields") : common.get(type), version, full);
        }
    }

    static boolean in(String versions, int version) {
        int[] range = range(versions);
        return range[0] <= version && version <= range[1];
    }

    static int[] range(String versions) {
        if (versions.equals("none")) return new int[] {1, 0};
        if (versions.endsWith("+")) return new int[] {number(versions.replace("+", "")), Short.MAX_VALUE};
        String[] ends = versions.split("-");
        return new int[] {number(ends[0]), number(ends[ends.length - 1])};
    }

    static int number(String text) {
        return Integer.parseInt(text);
    }
}
