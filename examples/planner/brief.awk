# What the planner is told: a topic a line comes in.
{
	topics = topics sep $1
	tasks = tasks sep sprintf("{\"name\": \"study-%s\", \"agent\": \"researcher\", \"task\": \"What must a gardener know of %s?\\nWRITE notes/%s.md\", \"outputs\": [\"notes/%s.md\"]}", $1, $1, $1, $1)
	sep = ", "
}
END {
	print "Write the workflow file plan.ax.yaml: a task for a researcher on each of these topics, with its note in notes/:"
	print topics "."
	print "WRITE plan.ax.yaml"
	print "JSON {\"tasks\": [" tasks "]}"
}
