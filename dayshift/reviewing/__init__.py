"""A task's work as the person reviews it: taken into their tree or a branch, taken back, or turned down."""
