torchelastic_system_test(events HEAVY TIMEOUT 320)
