"""The road of a lead, room by room.

wiring.py   builds everything once per container; the only place that knows everything
core/       nouns: what things are and what we decide; pure, no I/O
flow/       verbs: receive, deliver, park, retry; they ask for ports and never build them
sources/    proper names: how each platform speaks, one module each
crm/        proper name: how the Contacts API speaks, one resource per file
adapters/   tools: the only files that touch network, AWS or environment
"""
