# What workers write, and where it arrives.
torchelastic_system_test(output HEAVY TIMEOUT 320)
