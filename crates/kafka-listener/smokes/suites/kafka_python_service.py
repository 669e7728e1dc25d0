"""What kafka-python's fixtures import to start brokers. Here the broker is there already."""


class SpawnedService:
    pass


class ExternalService:
    def __init__(self, host, port):
        self.host, self.port = host, port

    def open(self):
        pass

    def close(self):
        pass
