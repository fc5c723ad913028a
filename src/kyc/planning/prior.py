"""The built-in availability prior: fitted parameters, made by `simulate.fit`; to be replaced by a zone's own history.

Fitted to the latter half of the nine zones of AWS p3.2xlarge (V100) recorded in February to April 2023 at 195 s by the
authors of "Can't Be Late" (Wu et al., NSDI 2024); github.com/skypilot-org/spot-traces, availability/1-node.
"""

from kyc.planning.availability import AvailabilityPrior

DEFAULT = AvailabilityPrior(
    source="AWS p3.2xlarge, 9 zones, February to April 2023 (spot-traces)",
    step_s=600.0,
    ages=(1, 2, 3, 5, 9, 17, 33),
    weights=(0.2865, 0.2696, 0.1480, 0.1228, 0.1002, 0.0729),
    stay=(  # a regime each: the chances to stay gone, then those to stay there, by age
        (
            (0.6555, 0.6218, 0.8213, 0.7651, 0.8275, 0.5745, 0.9731),
            (0.8955, 0.9426, 0.9856, 0.9731, 0.9822, 0.9898, 0.9974),
        ),
        (
            (0.7714, 0.6043, 0.7193, 0.8105, 0.8349, 0.9547, 0.9368),
            (0.7737, 0.8594, 0.9271, 0.9623, 0.9658, 0.9755, 0.9883),
        ),
        (
            (0.7556, 0.8192, 0.8689, 0.9421, 0.9555, 0.9426, 0.9628),
            (0.8331, 0.8739, 0.8484, 0.9403, 0.9449, 0.9625, 0.9729),
        ),
        (
            (0.7016, 0.8394, 0.8775, 0.9450, 0.9334, 0.9637, 0.9749),
            (0.6339, 0.7058, 0.7402, 0.8202, 0.9008, 0.8773, 0.5551),
        ),
        (
            (0.5675, 0.8246, 0.8505, 0.8627, 0.8839, 0.9670, 0.9929),
            (0.7982, 0.7661, 0.8538, 0.9107, 0.9723, 0.9550, 0.9285),
        ),
        (
            (0.7015, 0.7803, 0.8225, 0.8933, 0.9001, 0.9325, 0.7696),
            (0.6800, 0.8474, 0.8441, 0.9147, 0.8917, 0.9754, 0.9666),
        ),
    ),
)
