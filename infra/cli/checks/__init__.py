"""What `leadrelay doctor` looks at, a module for each system; finding.py has its words, examine.py runs it."""
