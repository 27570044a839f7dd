# After system.cmake by its name, whose function it uses.
torchelastic_system_test(installed TIMEOUT 120)
torchelastic_system_test(worker_store HEAVY TIMEOUT 320)
