"""The parts that orchestrator, agent and metrics stand on. Nothing here imports those three."""
