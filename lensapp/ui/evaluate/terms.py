"""What the figures of merit mean, in one sentence each with its source."""

TERMS = {
    "AUROC": "Chance that a random lens scores higher than a random non-lens; 1 is perfect, 0.5 is a coin "
    "(Hanley & McNeil 1982, Radiology 143, 29).",
    "average precision": "Purity averaged over completeness, step by step; honest where lenses are rare "
    "(Davis & Goadrich 2006, ICML).",
    "TPR0": "Share of the lenses that score higher than every non-lens: completeness with no false positive "
    "(Metcalf et al. 2019, A&A 625, A119).",
    "TPR10": "Completeness with fewer than ten false positives; equal scores are accepted together "
    "(Metcalf et al. 2019, A&A 625, A119).",
    "accuracy": "Share of all cutouts decided correctly at the threshold; says little where lenses are rare.",
    "purity": "Share of the accepted cutouts that are lenses (precision), at the threshold.",
    "completeness": "Share of the lenses that are accepted (recall), at the threshold.",
    "Brier": "Mean squared difference of score and truth; 0 is perfect, and scores that are calibrated "
    "probabilities make it small (Brier 1950, Monthly Weather Review 78, 1).",
    "rotation std": "Standard deviation of the score when the image is turned by 0, 90, 180 and 270°, mean "
    "over the cutouts (Ivashkov 2022 reports about 0.04).",
}
SUGGESTIONS = {
    "accuracy": "best accuracy",
    "f1": "best F1",
    "youden": "best Youden J",
    "tpr0": "TPR0",
    "tpr10": "TPR10",
    "fpr_1e-3": "FPR 0.001",
    "purity_90": "purity 90 %",
    "completeness_90": "completeness 90 %",
}
