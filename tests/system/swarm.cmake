# Very many agents, played by one program.
torchelastic_system_test(swarm TIMEOUT 140)
