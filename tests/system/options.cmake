# What is made of the table of options for people at a terminal.
torchelastic_system_test(completion TIMEOUT 320)
torchelastic_system_test(manual TIMEOUT 60)
