"""The walls round an agent: sandbox, system calls, tools it sees, programs that tell when they are called."""
