"""The edge as an HAProxy process: its configuration, its runtime API, its waiting room in Lua."""
