"""What machines are made of and how their BMCs speak, as rows: the families of every vendor, invented or real.

Real vendors are named here and nowhere else in the emulator. What a row says was seen in a recording or is told in
public; its `evidence` says where.
"""
