"""What each command does, one file per command. Options and help are `streams.cli`'s; no command imports typer."""
