# server and pages run together, once the sketch is there
ax spec run workflow.ax.yaml
