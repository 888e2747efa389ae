"""The configuration of a scripted device: a tree that answers what is asked of it."""

MOTION = [
    {"Enable": False, "Level": 3, "EventHandler": {"BeepEnable": False, "Vendor9": "0x00FF"}},
    {"Enable": True},
]


class Settings:
    """Answers configuration requests from a tree; `denied` leaves answer 607, `silent` names nothing."""

    def __init__(self, scripted, tree) -> None:
        self.tree = tree
        self.denied = set()
        self.silent = set()
        self.held = []
        self.set_code = 100
        self.written = []
        scripted.on[1042] = scripted.on[1044] = self.get
        scripted.on[1040] = self.set

    def get(self, message):
        name = message.body["Name"]
        if name in self.silent:
            self.held.append(message)
            return
        if name in self.denied or name not in self.tree:
            message.reply({"Ret": 607, name: None})
            return
        message.reply({name: self.tree[name]})

    def set(self, message):
        name = message.body["Name"]
        self.written.append((name, message.body[name]))
        message.reply({"Ret": self.set_code})
