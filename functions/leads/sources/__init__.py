"""How each platform speaks, one module each; REGISTRY is the list of them.

A new platform is one module here plus one line in the registry. The module's class reads a request
(verify it, take it apart), wraps one of its items in an envelope, and opens an envelope to a lead.
"""

from leads.sources.pinterest import Pinterest

REGISTRY = {source.name: source for source in (Pinterest,)}
