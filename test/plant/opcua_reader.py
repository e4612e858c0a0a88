# Subscribes with asyncua and prints a JSON line for each value: node, time in microseconds, value, status.
# opcua_reader.py ENDPOINT SECONDS [USER PASSWORD PKI-DIR] NODE…   (with a user: Basic256Sha256, SignAndEncrypt)
import asyncio, json, sys
from datetime import datetime, timezone
from pathlib import Path
from asyncua import Client
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from cryptography.x509.oid import ExtendedKeyUsageOID

endpoint, seconds, user, password, pki, *names = sys.argv[1:]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Printer:
    def datachange_notification(self, node, value, data):
        it = data.monitored_item.Value
        time = it.SourceTimestamp
        if time.tzinfo is None:
            time = time.replace(tzinfo=timezone.utc)
        micros = (time - EPOCH) // (time.resolution)
        name = node.nodeid.Identifier
        print(json.dumps({"node": name, "ts": micros, "value": value, "status": it.StatusCode.value if it.StatusCode else 0}), flush=True)


async def main():
    client = Client(endpoint)
    client.application_uri = "urn:plant-reader"
    if user:
        key, certificate = Path(pki) / "key.pem", Path(pki) / "certificate.der"
        await setup_self_signed_certificate(key, certificate, client.application_uri, "localhost", [ExtendedKeyUsageOID.CLIENT_AUTH], {})
        await client.set_security(SecurityPolicyBasic256Sha256, str(certificate), str(key))
        client.set_user(user)
        client.set_password(password)
    async with client:
        space = await client.get_namespace_index("urn:holdfast:plant")
        subscription = await client.create_subscription(200, Printer())
        nodes = [client.get_node(f"ns={space};s={name}") for name in names]
        await subscription.subscribe_data_change(nodes, queuesize=500, sampling_interval=50)
        await asyncio.sleep(float(seconds))


asyncio.run(main())
