# What people type, and what is made of the table of options for them.
torchelastic_system_test(completion TIMEOUT 320)
torchelastic_system_test(launch TIMEOUT 320)
torchelastic_system_test(manual TIMEOUT 60)
