"""Whence the files of each known data set come, and which they are.

Apart from the modules that read them: who lists data sets need not wait for pandas.
"""

from __future__ import annotations

ADULT = "https://archive.ics.uci.edu/dataset/2/adult"
ADULT_FILES = ("adult/adult.data", "adult/adult.test")

COMPAS = "https://github.com/propublica/compas-analysis"
COMPAS_FILES = ("compas/compas-scores-two-years.csv",)

CIFAR10 = "https://www.cs.toronto.edu/~kriz/cifar.html"
CIFAR10_FILES = (
    *(f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)),
    "cifar-10-batches-py/test_batch",
)

CELEBA = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
CELEBA_ATTRIBUTES = "celeba/list_attr_celeba.txt"
CELEBA_PARTITION = "celeba/list_eval_partition.txt"
CELEBA_IMAGES = ("celeba/img_align_celeba", "celeba/img_align_celeba.zip")  # either will do

FAIRFACE = "https://github.com/joojs/fairface"
FAIRFACE_LABELS = ("fairface/fairface_label_train.csv", "fairface/fairface_label_val.csv")
FAIRFACE_IMAGES = ("fairface/train", "fairface/val")  # folders
