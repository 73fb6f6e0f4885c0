ax spec run checkout.ax.yaml

# The sketch alone; then service, page and tables together; then audit, trials and release, one after another.
