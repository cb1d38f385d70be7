"""How each platform speaks, one module each; REGISTRY is the list of them.

A new platform is one module here plus one line in the registry. The module's class reads a request
(verify it, take it apart), wraps one of its items in an envelope, and opens an envelope to a lead.
A platform that can be asked for its leads has a puller besides, so that those are found that never arrived.
A container loads the module when its first lead comes: most serve one platform only.
"""

# Source, as it stands in addresses and routes → module : class.
REGISTRY = {
    "pinterest": "leads.sources.pinterest:Pinterest",
    "facebook": "leads.sources.facebook:Facebook",
    "leadconnector": "leads.sources.leadconnector:LeadConnector",
}
PULLERS = {
    "pinterest": "leads.sources.pinterest_pull:PinterestPull",
    "facebook": "leads.sources.facebook_pull:FacebookPull",
    "leadconnector": "leads.sources.leadconnector_pull:LeadConnectorPull",
}
