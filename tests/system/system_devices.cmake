torchelastic_system_test(devices TIMEOUT 320)
