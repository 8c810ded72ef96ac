"""`python -m bot` is `citewire`."""

from bot.cli.main import main

if __name__ == "__main__":
    main()
