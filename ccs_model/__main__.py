"""`python -m ccs_model` is the same program as `ccs-model`."""

from ccs_model.cli import main

if __name__ == "__main__":
    main()
