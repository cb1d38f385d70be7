"""The console page of the local stack: what it shows (state.py), who watches (watcher.py), what its buttons do
(actions.py, crm_faults.py), and how a browser gets it all (web.py, page.html, console.css and the scripts)."""
