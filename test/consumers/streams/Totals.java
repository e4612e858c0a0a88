// Counts and sums readings by tag: what a Kafka Streams app needs to read the telemetry topic is its three lines of settings. Prints a line with the
// totals each time they change for a second and nothing new comes; ends when its input does.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.Stores;

public class Totals {
  static final ObjectMapper JSON = new ObjectMapper();

  static String added(JsonNode reading, String before) {
    String[] parts = before.split(" ");
    return (Long.parseLong(parts[0]) + 1) + " " + (Double.parseDouble(parts[1]) + reading.path("value_double").asDouble());
  }

  static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (Exception e) {
      throw new IllegalArgumentException(text, e);
    }
  }

  public static void main(String[] args) throws Exception {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2); // reads committed records alone
    settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, args[3]);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put("auto.offset.reset", "earliest");

    StreamsBuilder builder = new StreamsBuilder();
    builder.<String, String>stream(args[2])
        .groupByKey() // the key is {device}/{tag}: nothing has to be sorted anew
        .aggregate(() -> "0 0", (tag, reading, before) -> added(json(reading), before),
            Materialized.<String, String>as(Stores.inMemoryKeyValueStore("totals"))
                .withKeySerde(Serdes.String()).withValueSerde(Serdes.String()).withLoggingDisabled());

    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.start();
    String printed = "", last = "";
    while (System.in.available() >= 0) {
      Thread.sleep(300);
      String now = streams.state() == KafkaStreams.State.RUNNING ? totals(streams) : "";
      if (now.equals(last) && !now.equals(printed)) System.out.println(printed = now);
      last = now;
      if (System.in.available() > 0) break;
    }
    streams.close();
  }

  static String totals(KafkaStreams streams) throws Exception {
    ReadOnlyKeyValueStore<String, String> store =
        streams.store(StoreQueryParameters.fromNameAndType("totals", QueryableStoreTypes.keyValueStore()));
    Map<String, double[]> byTag = new TreeMap<>();
    try (KeyValueIterator<String, String> all = store.all()) {
      while (all.hasNext()) {
        var it = all.next();
        String[] parts = it.value.split(" ");
        byTag.put(it.key, new double[] {Double.parseDouble(parts[0]), Double.parseDouble(parts[1])});
      }
    }
    return JSON.writeValueAsString(byTag);
  }
}
