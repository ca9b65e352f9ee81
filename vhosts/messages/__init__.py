"""Look at, publish, move and replay messages, and listen to them: without losing one."""
