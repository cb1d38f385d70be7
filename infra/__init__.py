"""What a lead never touches: alarms, runbook, the local stack and the operator's command line."""
