// Tumbling, sliding and session windows over one topic, each told once when it closes: what a rule's windows are held against. Event time is the
// record's `ts`. Prints a line for each window, and ends when its input says anything.
//
//   Windows BROKERS APPLICATION TOPIC TAG LENGTH_MS GRACE_MS STATE_FOLDER
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.Locale;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

public class Windows {
  static final ObjectMapper JSON = new ObjectMapper();

  /** Count, sum, least, greatest. */
  static String added(String reading, String before) {
    try {
      return merged(before, "1 " + (JSON.readTree(reading).path("value_double").asDouble() + " ").repeat(3).trim());
    } catch (Exception e) {
      throw new IllegalArgumentException(reading, e);
    }
  }

  static String merged(String a, String b) {
    if (a.isEmpty() || b.isEmpty()) return a + b;
    String[] x = a.split(" "), y = b.split(" ");
    return (Long.parseLong(x[0]) + Long.parseLong(y[0])) + " " + (Double.parseDouble(x[1]) + Double.parseDouble(y[1]))
        + " " + Math.min(Double.parseDouble(x[2]), Double.parseDouble(y[2]))
        + " " + Math.max(Double.parseDouble(x[3]), Double.parseDouble(y[3]));
  }

  static void told(String kind, KTable<Windowed<String>, String> windows) {
    windows.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded().withLoggingDisabled()))
        .toStream()
        .foreach((key, it) -> System.out.println(String.format(Locale.ROOT, "%s %d %d %s",
            kind, key.window().start(), key.window().end(), it)));
  }

  public static void main(String[] args) throws Exception {
    Duration length = Duration.ofMillis(Long.parseLong(args[4])), grace = Duration.ofMillis(Long.parseLong(args[5]));
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, args[6]);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put("auto.offset.reset", "earliest");

    StreamsBuilder builder = new StreamsBuilder();
    KGroupedStream<String, String> readings = builder
        .stream(args[2], Consumed.with(Serdes.String(), Serdes.String()).withTimestampExtractor((record, before) -> {
          try {
            return JSON.readTree((String) record.value()).path("ts").asLong() / 1000;
          } catch (Exception e) {
            throw new IllegalArgumentException(e);
          }
        }))
        // A filter that comes before the windows: other records do not move their time.
        .filter((key, value) -> key.endsWith("/" + args[3]))
        .groupByKey();
    told("tumbling", readings.windowedBy(TimeWindows.ofSizeAndGrace(length, grace)).aggregate(() -> "",
        (key, it, before) -> added(it, before), Materialized.<String, String, WindowStore<Bytes, byte[]>>as("tumbling").withLoggingDisabled()));
    told("sliding", readings.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(length, grace)).aggregate(() -> "",
        (key, it, before) -> added(it, before), Materialized.<String, String, WindowStore<Bytes, byte[]>>as("sliding").withLoggingDisabled()));
    told("session", readings.windowedBy(SessionWindows.ofInactivityGapAndGrace(length, grace)).aggregate(() -> "",
        (key, it, before) -> added(it, before), (key, a, b) -> merged(a, b),
        Materialized.<String, String, SessionStore<Bytes, byte[]>>as("session").withLoggingDisabled()));

    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.start();
    while (System.in.available() == 0) Thread.sleep(200);
    streams.close();
  }
}
