# axmake's files and tasks as prerequisites in a makefile of GNU make's, 3.82 or later.
#
#	AXMAKE_TARGETS := manual.md site/index.html   # files that tasks make, and this makefile needs
#	AXMAKE_TASKS   := review                      # tasks by their names
#	AXMAKE_NEEDS   := prog                        # what this makefile makes, and tasks read
#	include axmake.mk
#
#	book.pdf: manual.md
#		pandoc -o $@ $<
#
# Where any of them is needed axmake is called once, with all that are listed (or, where only such are asked for, with those), and takes its jobs
# from make's -j. Each time, for axmake itself knows whether there is something to do; a file that no task wrote anew makes nothing stale here.
# A failure is a failure of all of them. Names with spaces are beyond make.
#
# Before the include may be set, too: AXMAKE, the program; AXMAKE_OPTIONS, as in `-f plan.ax.yaml`; AXMAKE_DIR, a folder that is the root of another
# workflow, and that the targets' names begin with. More roots or files than one, each with a name of its own:
#
#	$(eval $(call axmake,NAME,TARGETS,TASKS,NEEDS,OPTIONS,DIR))

AXMAKE ?= axmake

# What to ask for, as seen from its root: $1 of all these, $2 the root's folder, or nothing.
axmake_wanted = $(patsubst $(if $2,$(2:%/=%)/,./)%,%,$(if $(filter-out $1,$(or $(MAKECMDGOALS),-)),$1,$(MAKECMDGOALS)))

define axmake
.PHONY: axmake-$1 $3
axmake-$1: $4
	+$$(strip $$(AXMAKE) $(if $6,-C '$6') $5 $$(call axmake_wanted,$2 $3,$6))
# A recipe that does nothing: make looks at the file's time again, and goes on only where it is another; under -n and -q too, by the +.
$2 $3: axmake-$1 ; +
endef

axmake_goal := $(.DEFAULT_GOAL)
ifneq ($(strip $(AXMAKE_TARGETS) $(AXMAKE_TASKS)),)
$(eval $(call axmake,targets,$(AXMAKE_TARGETS),$(AXMAKE_TASKS),$(AXMAKE_NEEDS),$(AXMAKE_OPTIONS),$(AXMAKE_DIR)))
endif
# The first goal is the makefile's own.
.DEFAULT_GOAL := $(axmake_goal)
