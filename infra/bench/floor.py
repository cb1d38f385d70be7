"""The least a function of this job must import before it is ready; printed when it is."""

import botocore.session
import urllib3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

session = botocore.session.get_session()
clients = [session.create_client(service, region_name="us-east-1") for service in ("dynamodb", "secretsmanager")]
print("ready", AESGCM.__name__, urllib3.__name__, len(clients), flush=True)
