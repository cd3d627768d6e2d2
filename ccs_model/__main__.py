"""`ccs-model` and `python -m ccs_model`: the same program."""

from ccs_model.atomic_files import end_interrupted, install_interrupt_handler, restore_interrupt_handler


def main() -> None:
    """Run the command line; Ctrl-C is handled from the first import on."""
    try:
        install_interrupt_handler()
        from ccs_model.cli import main as run

        run()
    except KeyboardInterrupt:
        end_interrupted()
    finally:
        restore_interrupt_handler()


if __name__ == "__main__":
    main()
