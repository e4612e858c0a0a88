"""An OPC UA server on asyncua for the tests of the opcua source.

One JSON object as argument: port, certificates (a folder), secure (bool), mode, user, password, shift (bool: another namespace first), counters (int), plainPassword (bool),
history (values kept of each counter), extras (int: plain variables below `Many`), browse (bool: units, ranges, folders), nested (bool: a structure in a structure), days (until the certificate ends),
authority (its folder: signs it; ca.der and ca.crl are put there).
Says `ready` on standard output; then takes one JSON command a line on standard input and answers each with one line.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

from asyncua import Server, ua
from asyncua.common.structures104 import new_enum, new_struct, new_struct_field
from asyncua.crypto.cert_gen import generate_private_key, generate_self_signed_app_certificate, setup_self_signed_certificate
from asyncua.server.user_managers import User, UserManager, UserRole
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

NAMESPACE = "urn:plant:line"
V = ua.VariantType


class OneUser(UserManager):
    def __init__(self, name, password):
        self.name, self.password = name, password

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username == self.name and password == self.password:
            return User(role=UserRole.User)
        return None


# Name, type, value: what each type can hold at its ends.
TYPES = [
    ("Boolean", V.Boolean, True),
    ("SByte", V.SByte, -128),
    ("Byte", V.Byte, 255),
    ("Int16", V.Int16, -32768),
    ("UInt16", V.UInt16, 65535),
    ("Int32", V.Int32, -(2**31)),
    ("UInt32", V.UInt32, 2**32 - 1),
    ("Int64Min", V.Int64, -(2**63)),
    ("Int64Max", V.Int64, 2**63 - 1),
    ("Int64Odd", V.Int64, -9007199254740993),
    ("UInt64Fits", V.UInt64, 2**63 - 1),
    ("UInt64Beyond", V.UInt64, 2**64 - 1),
    ("Float", V.Float, 0.10000000149011612),
    ("Double", V.Double, 74.93588199999998),
    ("NaN", V.Double, float("nan")),
    ("NegativeZero", V.Double, -0.0),
    ("Infinity", V.Double, float("-inf")),
    ("String", V.String, "Größe 10 µm, 日本, 𝛑"),
    ("LocalizedText", V.LocalizedText, ua.LocalizedText("Drehzahl", "de")),
    ("ByteString", V.ByteString, bytes(range(256))),
    ("DateTime", V.DateTime, datetime(1969, 7, 20, 20, 17, 40, 123457)),
    ("Guid", V.Guid, UUID("12345678-9abc-def0-1234-56789abcdef0")),
    ("StatusCodeValue", V.StatusCode, ua.StatusCode(ua.StatusCodes.BadDeviceFailure)),
    ("NodeIdValue", V.NodeId, ua.NodeId("Speed", 1)),
    ("QualifiedName", V.QualifiedName, ua.QualifiedName("Speed", 1)),
    ("ByteArray", V.Byte, [0, 127, 255]),
    ("DoubleArray", V.Double, [1.5, float("nan"), float("inf"), -2.25]),
    ("Int64Array", V.Int64, [-(2**63), 0, 2**63 - 1]),
    ("UInt64Array", V.UInt64, [0, 2**64 - 1]),
    ("StringArray", V.String, ["a", "b\"c", "日"]),
    ("Empty", V.Int32, []),
]


async def add_types(server, folder, index):
    for name, kind, value in TYPES:
        node = await folder.add_variable(ua.NodeId(name, index), name, value, kind)
        await node.set_writable()
    matrix = ua.Variant([[1, 2, 3], [4, 5, 6]], V.Int32)
    await folder.add_variable(ua.NodeId("Matrix", index), "Matrix", matrix)
    await new_struct(
        server,
        index,
        "Dose",
        [
            new_struct_field("Count", V.Int64),
            new_struct_field("Level", V.Double),
            new_struct_field("Steps", V.Int64, array=True),
            new_struct_field("Name", V.String),
        ],
    )
    await server.load_data_type_definitions()
    dose = ua.Dose(Count=-(2**63), Level=0.5, Steps=[1, 2**63 - 1], Name="mix")
    await folder.add_variable(ua.NodeId("Dose", index), "Dose", ua.Variant(dose, V.ExtensionObject))


async def add_batch(server, folder, index):
    """A structure with another one in it, an enumeration, and a text that may be null. Stands on `Dose`."""
    dose = await server.nodes.base_structure_type.get_child([f"{index}:Dose"])
    state = await new_enum(server, index, "State", ["Idle", "Running"])
    await new_struct(
        server,
        index,
        "Batch",
        [
            new_struct_field("Recipe", dose),
            new_struct_field("Recipes", dose, array=True),
            new_struct_field("State", state),
            new_struct_field("On", V.Boolean),
            new_struct_field("Begun", V.DateTime),
            new_struct_field("Key", V.ByteString),
            new_struct_field("Note", V.String),
        ],
    )
    await server.load_data_type_definitions()
    await folder.add_variable(ua.NodeId("Batch", index), "Batch", batch(7, None))


def batch(count, note):
    dose = ua.Dose(Count=count, Level=0.5, Steps=[1, 2**63 - 1], Name="mix")
    begun = datetime(2026, 3, 1, 6, 30, 0, 123456)
    value = ua.Batch(Recipe=dose, Recipes=[dose], State=ua.State.Running, On=True, Begun=begun, Key=b"\x00\xff", Note=note)
    return ua.Variant(value, V.ExtensionObject)


async def add_plant(folder, index):
    """A press with a temperature that has unit, range and a variable below it."""
    press = await folder.add_object(ua.NodeId("Press", index), "Press")
    heat = await press.add_variable(ua.NodeId("Press.Temperature", index), "Temperature", 21.5, V.Double)
    unit = ua.EUInformation()
    unit.DisplayName, unit.NamespaceUri, unit.UnitId = ua.LocalizedText("°C"), "http://www.opcfoundation.org/UA/units/un/cefact", 4408652
    await heat.add_property(ua.NodeId("Press.Temperature.EU", index), ua.QualifiedName("EngineeringUnits", 0), unit)
    await heat.add_property(ua.NodeId("Press.Temperature.Range", index), ua.QualifiedName("EURange", 0), ua.Range(Low=-40.0, High=200.0))
    await heat.add_variable(ua.NodeId("Press.Temperature.Limit", index), "Limit", 180.0, V.Double)
    await press.add_variable(ua.NodeId("a;b%c", index), "Odd", 7, V.Int64)


async def add_many(server, index, count):
    many = await server.nodes.objects.add_folder(ua.NodeId("Many", index), "Many")
    for n in range(count):
        await many.add_variable(ua.NodeId(f"Many{n}", index), f"Many{n}", n, V.Int64)


def data_value(command):
    """value, type, status, source (ISO time) or none, ticks (100 ns, added to it)."""
    value = command.get("value")
    variant = ua.Variant(value, V[command.get("type", "Double")]) if value is not None else ua.Variant()
    source = datetime.fromisoformat(command["source"]) if command.get("source") else None
    server = datetime.fromisoformat(command["server"]) if command.get("server") else None
    return ua.DataValue(
        Value=variant,
        StatusCode=ua.StatusCode(command.get("status", 0)),
        SourceTimestamp=source,
        ServerTimestamp=server,
        SourcePicoseconds=command.get("picoseconds"),
    )


async def count(server, nodes, ticks, hertz):
    """Writes 0, 1, 2 … to all nodes at once, each tick with a source time of its own."""
    loop = asyncio.get_running_loop()
    start, origin = loop.time(), datetime.now(UTC)
    for tick in range(ticks):
        await asyncio.sleep(max(0, start + tick / hertz - loop.time()))
        stamp = origin + timedelta(microseconds=tick * 1_000_000 // hertz)
        for node in nodes:
            await server.write_attribute_value(
                node.nodeid, ua.DataValue(ua.Variant(tick, V.Int64), SourceTimestamp=stamp, ServerTimestamp=stamp)
            )
    return loop.time() - start


async def event(server, command):
    """message, severity, type (a standard event type's number), time (ISO), fields (by name)."""
    generator = await server.get_event_generator(ua.NodeId(command.get("type", ua.ObjectIds.BaseEventType)))
    generator.event.Severity = command.get("severity", 500)
    for name, value in command.get("fields", {}).items():
        setattr(generator.event, name, value)
    time = datetime.fromisoformat(command["time"]) if "time" in command else None
    await generator.trigger(time_attr=time, message=command["message"])
    return {"id": generator.event.EventId.Value.hex()}


async def answer(server, index, counters, command):
    name = command["do"]
    if name == "write":
        await server.write_attribute_value(ua.NodeId(command["node"], index), data_value(command))
        return {}
    if name == "count":
        return {"seconds": await count(server, counters, command["ticks"], command["hertz"])}
    if name == "batch":
        stamp = datetime.now(UTC)
        value = ua.DataValue(batch(command["count"], command["note"]), SourceTimestamp=stamp, ServerTimestamp=stamp)
        await server.write_attribute_value(ua.NodeId("Batch", index), value)
        return {}
    if name == "show":
        await show(server, command)
        return {}
    if name == "event":
        return await event(server, command)
    raise ValueError(name)


def sign_anew(certificate_file, key, issuer, days):
    """The same certificate, signed by this issuer and valid until so many days from now."""
    old = x509.load_der_x509_certificate(certificate_file.read_bytes())
    now = datetime.now(UTC)
    new = x509.CertificateBuilder(issuer, old.subject, old.public_key(), old.serial_number)
    new = new.not_valid_before(now + timedelta(days=days - 30)).not_valid_after(now + timedelta(days=days))
    for extension in old.extensions:
        is_key = isinstance(extension.value, x509.AuthorityKeyIdentifier)
        value = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()) if is_key else extension.value
        new = new.add_extension(value, extension.critical)
    certificate_file.write_bytes(new.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


@cache
def authority_in(folder):
    """Its key and name; its certificate and a list that revokes nothing are written down."""
    folder.mkdir(parents=True, exist_ok=True)
    key = generate_private_key()
    certificate = generate_self_signed_app_certificate(key, "Plant Authority", {}, [x509.DNSName("authority")], [], 30)
    now = datetime.now(UTC)
    revoked = x509.CertificateRevocationListBuilder(certificate.subject, now - timedelta(days=1), now + timedelta(days=1))
    revoked = revoked.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
    (folder / "ca.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    (folder / "ca.crl").write_bytes(revoked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))
    return key, certificate.subject


async def certificate_of(options, name):
    folder = Path(options["certificates"])
    key, certificate = folder / "server-key.pem", folder / name
    await setup_self_signed_certificate(
        key,
        certificate,
        options.get("uri", "urn:plant:server"),
        options.get("host", "127.0.0.1"),
        [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
        {"commonName": "Plant", "organizationName": "Plant"},
    )
    if "authority" in options:
        sign_anew(certificate, *authority_in(Path(options["authority"])), options.get("days", 20))
    elif "days" in options:
        own = serialization.load_pem_private_key(key.read_bytes(), None)
        sign_anew(certificate, own, x509.load_der_x509_certificate(certificate.read_bytes()).issuer, options["days"])
    return key, certificate


async def secure(server, options):
    key, certificate = await certificate_of(options, "server.der")
    await server.load_certificate(str(certificate))
    await server.load_private_key(str(key))
    server.set_security_policy([ua.SecurityPolicyType[f"Basic256Sha256_{options.get('mode', 'SignAndEncrypt')}"]])


async def show(server, options):
    """From now on each endpoint is said to have another certificate."""
    certificate = Path(options["certificates"]) / f"{options['name']}.der"
    if not certificate.exists():
        await certificate_of(options, certificate.name)
    for endpoint in server.iserver.endpoints:
        endpoint.ServerCertificate = certificate.read_bytes()


async def main():
    options = json.loads(sys.argv[1])
    users = OneUser(options["user"], options["password"]) if "user" in options else None
    server = Server(user_manager=users)
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{options['port']}")
    await server.set_application_uri(options.get("uri", "urn:plant:server"))
    if options.get("secure"):
        await secure(server, options)
    else:
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    if users:
        server.set_identity_tokens([ua.UserNameIdentityToken])
    if options.get("shift"):
        await server.register_namespace("urn:plant:other")
        other = await server.nodes.objects.add_folder(2, "Other")
        await other.add_variable(ua.NodeId("Int32", 2), "Int32", 4711, V.Int32)
    index = await server.register_namespace(NAMESPACE)
    folder = await server.nodes.objects.add_folder(index, "Line")
    await add_types(server, folder, index)
    counters = [
        await folder.add_variable(ua.NodeId(f"Counter{n}", index), f"Counter{n}", -1, V.Int64)
        for n in range(options.get("counters", 0))
    ]
    if options.get("nested"):
        await add_batch(server, folder, index)
    if options.get("browse"):
        await add_plant(folder, index)
    if options.get("extras"):
        await add_many(server, index, options["extras"])
    async with server:
        if options.get("history"):
            for node in counters:
                await server.historize_node_data_change(node, period=None, count=options["history"])
        if options.get("plainPassword"):
            for token in (it for endpoint in server.iserver.endpoints for it in endpoint.UserIdentityTokens):
                token.SecurityPolicyUri = "http://opcfoundation.org/UA/SecurityPolicy#None"
        print("ready", flush=True)
        reader = asyncio.StreamReader(limit=2**20)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            print(json.dumps(await answer(server, index, counters, json.loads(line))), flush=True)


asyncio.run(main())
