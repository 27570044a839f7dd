torchelastic_system_test(nodes HEAVY TIMEOUT 440)
