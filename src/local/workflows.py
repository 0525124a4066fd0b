"""What MiniStack leaves out of a workflow's history, brought nearer to AWS.

MiniStack 1.5.33 writes no event where a Parallel or a Map state fails. homeroom reads from the history why an execution
failed, as on AWS, by the event before the state was left. Without it that is whatever another branch did last.
"""

# Source: Step Functions HistoryEvent, `type`.
EVENTS = {"_run_parallel_branches": "ParallelStateFailed", "_run_map_items": "MapStateFailed"}


def install():
    """Wraps both in the MiniStack in this process."""
    from ministack.services import stepfunctions

    for name, event in EVENTS.items():
        setattr(stepfunctions, name, told(getattr(stepfunctions, name), event, stepfunctions._add_event))


def told(run, event, add_event):
    """Wraps what runs a state's branches so that a failure is an event of its own."""

    def run_and_tell(state_def, raw_input, execution, ctx):
        try:
            return run(state_def, raw_input, execution, ctx)
        except Exception:
            add_event(execution, event)
            raise

    return run_and_tell
