import static org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig.USER_TOKEN_POLICY_ANONYMOUS;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.ubyte;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.uint;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.ulong;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.ushort;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.milo.opcua.sdk.core.AccessLevel;
import org.eclipse.milo.opcua.sdk.core.Reference;
import org.eclipse.milo.opcua.sdk.server.EndpointConfig;
import org.eclipse.milo.opcua.sdk.server.ManagedNamespaceWithLifecycle;
import org.eclipse.milo.opcua.sdk.server.OpcUaServer;
import org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig;
import org.eclipse.milo.opcua.sdk.server.OpcUaServerConfigLimits;
import org.eclipse.milo.opcua.sdk.server.identity.AnonymousIdentityValidator;
import org.eclipse.milo.opcua.sdk.server.items.DataItem;
import org.eclipse.milo.opcua.sdk.server.items.MonitoredItem;
import org.eclipse.milo.opcua.sdk.server.model.objects.AlarmConditionTypeNode;
import org.eclipse.milo.opcua.sdk.server.model.objects.BaseEventTypeNode;
import org.eclipse.milo.opcua.sdk.server.nodes.UaFolderNode;
import org.eclipse.milo.opcua.sdk.server.nodes.UaVariableNode;
import org.eclipse.milo.opcua.sdk.server.util.SubscriptionModel;
import org.eclipse.milo.opcua.stack.core.NodeIds;
import org.eclipse.milo.opcua.stack.core.StatusCodes;
import org.eclipse.milo.opcua.stack.core.security.DefaultCertificateManager;
import org.eclipse.milo.opcua.stack.core.security.MemoryCertificateQuarantine;
import org.eclipse.milo.opcua.stack.core.security.SecurityPolicy;
import org.eclipse.milo.opcua.stack.core.transport.TransportProfile;
import org.eclipse.milo.opcua.stack.core.types.builtin.ByteString;
import org.eclipse.milo.opcua.stack.core.types.builtin.DataValue;
import org.eclipse.milo.opcua.stack.core.types.builtin.DateTime;
import org.eclipse.milo.opcua.stack.core.types.builtin.ExtensionObject;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.builtin.Matrix;
import org.eclipse.milo.opcua.stack.core.types.builtin.NodeId;
import org.eclipse.milo.opcua.stack.core.types.builtin.QualifiedName;
import org.eclipse.milo.opcua.stack.core.types.builtin.StatusCode;
import org.eclipse.milo.opcua.stack.core.types.builtin.Variant;
import org.eclipse.milo.opcua.stack.core.types.builtin.XmlElement;
import org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.UInteger;
import org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.UShort;
import org.eclipse.milo.opcua.stack.core.types.enumerated.MessageSecurityMode;
import org.eclipse.milo.opcua.stack.core.types.enumerated.ServerState;
import org.eclipse.milo.opcua.stack.core.types.enumerated.TimestampsToReturn;
import org.eclipse.milo.opcua.stack.core.types.structured.HistoryData;
import org.eclipse.milo.opcua.stack.core.types.structured.HistoryReadDetails;
import org.eclipse.milo.opcua.stack.core.types.structured.HistoryReadResult;
import org.eclipse.milo.opcua.stack.core.types.structured.HistoryReadValueId;
import org.eclipse.milo.opcua.stack.core.types.structured.Range;
import org.eclipse.milo.opcua.stack.core.types.structured.ReadRawModifiedDetails;
import org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransport;
import org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransportConfig;

/**
 * Serves PORT, with counters=N, many=N (plain variables), history=N (values kept of each counter), page=N (values that history gives at a time),
 * perCall=N (nodes in one call), push=1 (a value goes to who watches it when it is set, not when it is sampled). Says `ready`, then answers one JSON command a line: {"do":"count","ticks":N,"hertz":N} or
 * {"do":"event","severity":N,"alarm":1} (with alarm an OffNormalAlarm that is active).
 */
public class Server extends ManagedNamespaceWithLifecycle {
  private static final Map<String, Integer> options = new HashMap<>();
  private final List<UaVariableNode> counters = new ArrayList<>();
  private final Map<NodeId, List<DataValue>> history = new HashMap<>();
  private final Map<NodeId, Set<DataItem>> watching = new ConcurrentHashMap<>();
  private final SubscriptionModel subscriptions;

  Server(OpcUaServer server) {
    super(server, "urn:plant:milo");
    subscriptions = new SubscriptionModel(server, this);
    getLifecycleManager().addLifecycle(subscriptions);
    getLifecycleManager().addStartupTask(this::fill);
  }

  private void fill() {
    UaFolderNode line = folder("Line");
    types(line);
    for (int n = 0; n < options.getOrDefault("counters", 0); n++) {
      UaVariableNode node = variable(line, "Counter" + n, NodeIds.Int64, -1L);
      history.put(node.getNodeId(), new ArrayList<>());
      counters.add(node);
      set(node, -1L, DateTime.now());
    }
    UaFolderNode many = folder("Many");
    for (int n = 0; n < options.getOrDefault("many", 0); n++) variable(many, "Many" + n, NodeIds.Int32, n);
  }

  private void types(UaFolderNode line) {
    variable(line, "Boolean", NodeIds.Boolean, true);
    variable(line, "SByte", NodeIds.SByte, Byte.MIN_VALUE);
    variable(line, "Byte", NodeIds.Byte, ubyte(255));
    variable(line, "Int16", NodeIds.Int16, Short.MIN_VALUE);
    variable(line, "UInt16", NodeIds.UInt16, ushort(65535));
    variable(line, "Int32", NodeIds.Int32, Integer.MIN_VALUE);
    variable(line, "UInt32", NodeIds.UInt32, uint(4294967295L));
    variable(line, "Int64", NodeIds.Int64, -9007199254740993L);
    variable(line, "UInt64", NodeIds.UInt64, ulong(9223372036854775807L));
    variable(line, "Float", NodeIds.Float, 0.1f);
    variable(line, "Double", NodeIds.Double, 0.1 + 0.2);
    variable(line, "String", NodeIds.String, "Größe 10 µm, 日本, 𝛑");
    // 100 ns ticks since 1601.
    variable(line, "DateTime", NodeIds.DateTime, new DateTime(133_000_000_000_123_457L));
    variable(line, "Guid", NodeIds.Guid, UUID.fromString("12345678-9abc-def0-1234-56789abcdef0"));
    variable(line, "ByteString", NodeIds.ByteString, ByteString.of(new byte[] {0, -1, 127, -128}));
    variable(line, "XmlElement", NodeIds.XmlElement, new XmlElement("<a>1</a>"));
    variable(line, "NodeId", NodeIds.NodeId, new NodeId(1, "Speed"));
    variable(line, "QualifiedName", NodeIds.QualifiedName, new QualifiedName(1, "Speed"));
    variable(line, "LocalizedText", NodeIds.LocalizedText, LocalizedText.english("Speed"));
    variable(line, "StatusCode", NodeIds.StatusCode, new StatusCode(StatusCodes.Bad_DeviceFailure));
    variable(line, "Enumeration", NodeIds.ServerState, ServerState.Suspended);
    variable(line, "Structure", NodeIds.Range, ExtensionObject.encode(getServer().getStaticEncodingContext(), new Range(-40.5, 200.0)));
    variable(line, "Int64Array", NodeIds.Int64, new Long[] {Long.MIN_VALUE, 0L, Long.MAX_VALUE});
    variable(line, "DateTimeArray", NodeIds.DateTime, new DateTime[] {new DateTime(133_000_000_000_123_457L)});
    variable(line, "Matrix", NodeIds.Int32, new Matrix(new Integer[][] {{1, 2, 3}, {4, 5, 6}}));
    UaVariableNode bad = variable(line, "Bad", NodeIds.Double, 1.5);
    bad.setValue(new DataValue(new Variant(1.5), new StatusCode(StatusCodes.Bad_SensorFailure), new DateTime(133_000_000_000_123_457L)));
    UaVariableNode none = variable(line, "Uncertain", NodeIds.Double, 1.5);
    none.setValue(new DataValue(new Variant(2.5), new StatusCode(StatusCodes.Uncertain_LastUsableValue), new DateTime(133_000_000_000_123_457L)));
  }

  private UaFolderNode folder(String name) {
    UaFolderNode node = new UaFolderNode(getNodeContext(), newNodeId(name), newQualifiedName(name), LocalizedText.english(name));
    getNodeManager().addNode(node);
    node.addReference(new Reference(node.getNodeId(), NodeIds.Organizes, NodeIds.ObjectsFolder.expanded(), false));
    return node;
  }

  private UaVariableNode variable(UaFolderNode parent, String name, NodeId type, Object value) {
    UaVariableNode node =
        new UaVariableNode.UaVariableNodeBuilder(getNodeContext())
            .setNodeId(newNodeId(name))
            .setBrowseName(newQualifiedName(name))
            .setDisplayName(LocalizedText.english(name))
            .setDataType(type)
            .setValueRank(value instanceof Matrix ? 2 : value.getClass().isArray() ? 1 : -1)
            .setAccessLevel(AccessLevel.READ_ONLY)
            .setUserAccessLevel(AccessLevel.READ_ONLY)
            .setTypeDefinition(NodeIds.BaseDataVariableType)
            .build();
    node.setValue(new DataValue(new Variant(value)));
    getNodeManager().addNode(node);
    parent.addOrganizes(node);
    return node;
  }

  private synchronized void set(UaVariableNode node, long value, DateTime time) {
    DataValue data = new DataValue(new Variant(value), StatusCode.GOOD, time);
    node.setValue(data);
    for (DataItem item : watching.getOrDefault(node.getNodeId(), Set.of())) item.setValue(data);
    List<DataValue> kept = history.get(node.getNodeId());
    kept.add(data);
    if (kept.size() > options.getOrDefault("history", 0)) kept.remove(0);
  }

  private void count(int ticks, int hertz) throws InterruptedException {
    long start = System.nanoTime();
    for (int tick = 0; tick < ticks; tick++) {
      long wait = start + tick * 1_000_000_000L / hertz - System.nanoTime();
      if (wait > 0) Thread.sleep(wait / 1_000_000, (int) (wait % 1_000_000));
      DateTime now = DateTime.now();
      for (UaVariableNode node : counters) set(node, tick, now);
    }
  }

  /** A continuation point is the place of the next value, in a list that does not change while it is read in these tests. */
  @Override
  public synchronized List<HistoryReadResult> historyRead(
      HistoryReadContext context, HistoryReadDetails details, TimestampsToReturn stamps, List<HistoryReadValueId> nodes) {
    ReadRawModifiedDetails raw = (ReadRawModifiedDetails) details;
    List<HistoryReadResult> results = new ArrayList<>();
    for (HistoryReadValueId it : nodes) {
      List<DataValue> kept = history.get(it.getNodeId());
      if (kept == null || options.getOrDefault("history", 0) == 0) {
        results.add(new HistoryReadResult(new StatusCode(StatusCodes.Bad_HistoryOperationUnsupported), ByteString.NULL_VALUE, null));
        continue;
      }
      ByteString point = it.getContinuationPoint();
      int from = point == null || point.isNull() ? 0 : ByteBuffer.wrap(point.bytesOrEmpty()).getInt();
      List<DataValue> page = new ArrayList<>();
      int at = from;
      for (; at < kept.size() && page.size() < options.getOrDefault("page", 1000); at++) {
        long time = kept.get(at).getSourceTime().getUtcTime();
        if (time >= raw.getStartTime().getUtcTime() && time < raw.getEndTime().getUtcTime()) page.add(kept.get(at));
      }
      ByteString next = at < kept.size() ? ByteString.of(ByteBuffer.allocate(4).putInt(at).array()) : ByteString.NULL_VALUE;
      HistoryData data = new HistoryData(page.toArray(new DataValue[0]));
      results.add(new HistoryReadResult(StatusCode.GOOD, next, ExtensionObject.encode(getServer().getStaticEncodingContext(), data)));
    }
    return results;
  }

  @Override
  public synchronized void onDataItemsCreated(List<DataItem> items) {
    if (!options.containsKey("push")) subscriptions.onDataItemsCreated(items);
    else
      for (DataItem item : items) {
        NodeId node = item.getReadValueId().getNodeId();
        watching.computeIfAbsent(node, (it) -> ConcurrentHashMap.newKeySet()).add(item);
        item.setValue(((UaVariableNode) getNodeManager().get(node)).getValue());
      }
  }

  @Override
  public void onDataItemsModified(List<DataItem> items) {
    subscriptions.onDataItemsModified(items);
  }

  @Override
  public void onDataItemsDeleted(List<DataItem> items) {
    if (!options.containsKey("push")) subscriptions.onDataItemsDeleted(items);
    for (DataItem item : items) watching.getOrDefault(item.getReadValueId().getNodeId(), Set.of()).remove(item);
  }

  @Override
  public void onMonitoringModeChanged(List<MonitoredItem> items) {
    subscriptions.onMonitoringModeChanged(items);
  }

  private static OpcUaServerConfigLimits limits() {
    UInteger most = uint(options.getOrDefault("perCall", 10_000));
    return new OpcUaServerConfigLimits() {
      @Override
      public UInteger getMaxNodesPerRead() {
        return most;
      }

      @Override
      public UInteger getMaxMonitoredItemsPerCall() {
        return most;
      }

      @Override
      public UInteger getMaxNodesPerBrowse() {
        return most;
      }

      @Override
      public UInteger getMaxNodesPerHistoryReadData() {
        return most;
      }

      @Override
      public UShort getMaxBrowseContinuationPoints() {
        return ushort(2);
      }
    };
  }

  private void event(int severity, boolean isAlarm) throws Exception {
    NodeId type = isAlarm ? NodeIds.OffNormalAlarmType : NodeIds.BaseEventType;
    BaseEventTypeNode event = getServer().getEventFactory().createEvent(newNodeId(UUID.randomUUID()), type);
    event.setBrowseName(newQualifiedName("Event"));
    event.setDisplayName(LocalizedText.english("Event"));
    event.setEventId(ByteString.of(UUID.randomUUID().toString().getBytes()));
    event.setEventType(type);
    event.setSourceNode(newNodeId("Line"));
    event.setSourceName("Line");
    event.setTime(new DateTime(133_000_000_000_123_457L));
    event.setReceiveTime(DateTime.NULL_VALUE);
    event.setMessage(LocalizedText.english("severity " + severity));
    event.setSeverity(ushort(severity));
    if (event instanceof AlarmConditionTypeNode alarm) {
      alarm.setConditionName("Off");
      alarm.getActiveStateNode().setId(true);
      alarm.getAckedStateNode().setId(false);
    }
    getServer().getEventNotifier().fire(event);
    event.delete();
  }

  private static int number(String line, String key) {
    Matcher found = Pattern.compile("\"" + key + "\":(\\d+)").matcher(line);
    return found.find() ? Integer.parseInt(found.group(1)) : 0;
  }

  public static void main(String[] args) throws Exception {
    for (int at = 1; at < args.length; at++) options.put(args[at].split("=")[0], Integer.valueOf(args[at].split("=")[1]));
    EndpointConfig endpoint =
        EndpointConfig.newBuilder()
            .setTransportProfile(TransportProfile.TCP_UASC_UABINARY)
            .setBindAddress("127.0.0.1")
            .setHostname("127.0.0.1")
            .setBindPort(Integer.parseInt(args[0]))
            .setSecurityPolicy(SecurityPolicy.None)
            .setSecurityMode(MessageSecurityMode.None)
            .addTokenPolicies(USER_TOKEN_POLICY_ANONYMOUS)
            .build();
    OpcUaServerConfig config =
        OpcUaServerConfig.builder()
            .setApplicationUri("urn:plant:milo:server")
            .setApplicationName(LocalizedText.english("Plant"))
            .setProductUri("urn:plant:milo")
            .setEndpoints(Set.of(endpoint))
            .setCertificateManager(new DefaultCertificateManager(new MemoryCertificateQuarantine()))
            .setIdentityValidator(AnonymousIdentityValidator.INSTANCE)
            .setLimits(limits())
            .build();
    OpcUaServer server =
        new OpcUaServer(config, profile -> new OpcTcpServerTransport(OpcTcpServerTransportConfig.newBuilder().build()));
    Server space = new Server(server);
    space.startup();
    server.startup().get();
    System.out.println("ready");
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      if (line.contains("\"count\"")) space.count(number(line, "ticks"), number(line, "hertz"));
      if (line.contains("\"event\"")) space.event(number(line, "severity"), number(line, "alarm") == 1);
      System.out.println("{}");
    }
    System.exit(0);
  }
}
