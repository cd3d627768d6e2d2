"""`ccs-model` and `python -m ccs_model`, the same program."""

from ccs_model.interruption import end_interrupted, heed, heed_no_more


def main() -> None:
    """Run the command line; Ctrl-C is heeded from the first import on."""
    try:
        heed()
        from ccs_model.cli import main as run

        run()
    except KeyboardInterrupt:
        end_interrupted()
    finally:
        heed_no_more()


if __name__ == "__main__":
    main()
