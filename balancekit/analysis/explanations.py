"""What each kind of issue means, in a few sentences: `balancekit explain` prints them."""

__all__ = ["EXPLANATIONS"]

EXPLANATIONS: dict[str, str] = {
    "BK101": (
        "A classifier needs two classes at least: with one, every answer is right and nothing is "
        "learnt. Classes are counted by the samples that carry them, pictures in detection, "
        "segmentation and key points, where one class against the background is enough. In a "
        "regression it says that all samples have the same value. Most often the path leads one "
        "folder too deep, or the wrong column was taken for the label; `--label` names another."
    ),
    "BK102": (
        "The class is declared, by a folder, a category list or a Hugging Face feature, and no "
        "sample carries it. A model spends an output on it that is never trained, and every "
        "average over classes is pulled down by a recall that cannot be measured. No sampler, "
        "weight or augmentation can teach what was never seen. Collect samples, or drop the class "
        "from the declaration. The imbalance ratio leaves empty classes out; normalised entropy "
        "and Gini count them."
    ),
    "BK103": (
        "One sample can be in training or in validation, never in both. In training, its recall "
        "cannot be measured; in validation, nothing was learnt of it. Oversampling shows the same "
        "picture again and again, which a network learns by heart. Collect ten samples or more, "
        "or merge the class with one that it resembles. Samples are pictures in detection and "
        "segmentation, however many boxes or pixels one holds."
    ),
    "BK104": (
        "Classes with fewer than 20 samples are the few-shot part of a long tail, where accuracy "
        "is commonly far below the rest. What is measured on so few is uncertain besides: the "
        "advice gives the 95 % interval of Wilson (JASA 22, 1927) for a recall of 80 % on the "
        "smallest. More samples help most; after that, repeat-factor or balanced draws, logit "
        "adjustment, and augmentation that suits the pictures. The groups many, medium and few "
        "are those of Liu et al., CVPR 2019."
    ),
    "BK105": (
        "These samples have no label: an empty cell, NaN, or in a multi-label set none of the "
        "labels. They keep their index, so that positions still match your files. Where a sample "
        "has one class or one value, such a sample is never drawn under a plan: label it, or "
        "leave it out. Where it has a set of labels, the empty set may be meant, and then teaches "
        "what each label is not; it is a fault only if labels were forgotten."
    ),
    "BK106": (
        "Names such as `Cat` and `cat`, or an accent as one sign and as two, look the same and "
        "are two classes. A class is then split into parts, each rarer than the whole, and a "
        "model is punished for confusing the same thing. Names are compared after Unicode "
        "normalisation (NFC), case folding and with spaces run together. Rename them to one if "
        "they are one; nothing is merged for you."
    ),
    "BK107": (
        "More than half of over fifty classes have one sample each. Labels look like that when a "
        "column of ids, file names or measured numbers is taken for the class. Name the right "
        "column with `--label`. If the labels are numbers to be predicted, say `--task "
        "regression`."
    ),
    "BK108": (
        "These pictures carry no box, no mask and no key point: they are background. That is "
        "common and useful, since a detector learns from them what is not an object; Ultralytics "
        "advises up to a tenth of the pictures. It is a fault only where objects were forgotten. "
        "Look at a few of them if there are more than you expect."
    ),
    "BK109": (
        "The target is counted in bins of one width between its lowest and highest value; a bin "
        "with fewer than 20 samples is rare, an empty one has none. A regression model errs most "
        "there, and the mean error hides it. Report the error by range of the target. Close "
        "values resemble each other, so weigh by the density smoothed over neighbouring bins "
        "rather than by the raw counts: `balancekit.analysis.regression.label_density`. Source: "
        "Yang et al., Delving into deep imbalanced regression, ICML 2021."
    ),
    "BK110": (
        "SCUMBLE tells how far rare and common labels occur in the same samples: 0 is never, 1 "
        "always. Above about 0.1, drawing the samples of a rare label more often draws its common "
        "labels as well, and the imbalance stays or grows. The examples are the rarest labels by "
        "IRLbl, the largest label count over their own. Weigh the loss by label (positive "
        "weights, asymmetric or distribution-balanced loss), or split such samples up. Source: "
        "Charte et al., HAIS 2014 and Neurocomputing 163 (2015)."
    ),
    "BK111": (
        "Void pixels carry the void index, 255 by custom, and belong to no class: borders of "
        "objects, the hood of a car, what nobody could tell. Losses leave them out with "
        "`ignore_index`, and so do all measures here. A large share is plain in some data sets, "
        "and in others the sign of a wrong void index that hides a class. `--void-index` names "
        "another value."
    ),
    "BK112": (
        "The classes are 20 numbers or more that do not look like class ids: some are not whole; "
        "or neighbours have about as many samples as each other, as ages and prices do (the "
        "logarithms of their counts have an autocorrelation above 0.6); or classes have under 10 "
        "samples in the mean, and some a single one. Of classes that count from 0 or 1 on the last "
        "is not told where 80 % of the numbers are there, and nothing where 95 % are. As classes, "
        "41 is as far from 42 as from 90, and most are too small to learn; as numbers to predict, "
        "neighbours are learnt together. Say `--task regression`, in Python "
        '`task="regression"`; if they do name classes, say `--task classification`, and nothing '
        "is said of it."
    ),
    "BK201": (
        "Pillow could not decode these files: they are empty, cut off, damaged or no pictures at "
        "all. A data set of your own raises at the first of them, often hours into an epoch; "
        "`open_dataset` leaves them out. With "
        "`--verify decode` every picture is decoded in full, since opening it or `Image.verify()` "
        "passes files that are cut off. They still count for their class. Replace or delete them, "
        "and count again."
    ),
    "BK202": (
        "The folder is there and its content cannot be listed, for want of rights or because of a "
        "broken disk. Its samples are missing in every count, so a class can look rarer than it "
        "is. Give yourself the right to read it, and run the analysis again."
    ),
    "BK203": (
        "These rows have more fields than the header, a quote that never ends, or no JSON object; "
        "or their label is none, such as a 7 where 0 or 1 is expected. They are left out, or "
        "carry no label, rather than guessed at, since a shifted row would put a wrong value "
        "into the label. Mend the quoting or the values in these rows. Many such rows mean that "
        "the delimiter itself was told wrongly."
    ),
    "BK204": (
        "These pictures lie beside the class folders, not in one, so that nothing says their "
        "class. They are left out. Move each into the folder of its class, or out of the data "
        "set. If all pictures are told so, the folder is no tree of classes: name the table of "
        "labels instead."
    ),
    "BK205": (
        "A symbolic link leads back to a folder above itself. Followed, it would show the same "
        "pictures again at every depth, and a class of 6 can count as 246. It is not followed, "
        "and nothing behind it is counted. Delete the link."
    ),
    "BK206": (
        "The bytes of the file are not UTF-8, so it was read in an older encoding, which the "
        "example names. Class names with accents can come out wrong, and one class as two. Save "
        "the file as UTF-8 if a name looks odd."
    ),
    "BK207": (
        "The first line was taken for column names, and it looks like a row of data. If it is "
        "one, a sample is missing in all counts and the columns bear odd names. Put a line of "
        "names on top, or say `--no-header`."
    ),
    "BK208": (
        "These entries do not have the shape that their format demands: a box of three numbers, a "
        "class that is no number, a line cut off. They are left out of all counts, and the rest "
        "of the file is read. A training script may stop at them, or take them for something "
        "else. Mend them where the example says."
    ),
    "BK209": (
        "These annotations give a class id beyond the list of names. Most scripts then fail with "
        "an index error, or train an output that has no name. Often the ids count from 1 where "
        "the format counts from 0, or the list is that of another data set. Declare the class or "
        "mend the ids; until then they are left out."
    ),
    "BK210": (
        "These annotations have a place in the picture and no class. They cannot teach a class, "
        "and count for none. Give each its class, or delete it."
    ),
    "BK211": (
        "These annotations belong to a picture that the list of pictures does not have. They are "
        "left out, as no loader would ever meet them. Commonly pictures were removed from the "
        "list and their annotations were not. Delete them, or put the picture back."
    ),
    "BK212": (
        "An id stands for two things. Tools that look things up by id keep the last one and lose "
        "the first without a word, so that counts differ from tool to tool. Here both are counted "
        "where that can be told. Give every picture, annotation and category an id of its own."
    ),
    "BK213": (
        "The file could not be read as what its name says: it is empty, damaged, or of another "
        "format. Its samples are missing in every count. Replace or delete it, and count again. "
        "The example gives the reason."
    ),
    "BK214": (
        "The mask could not be decoded, so its pixels are missing in every count. A mask saved as "
        "JPEG also ends here, or in values that no class has: its compression changes class ids. "
        "Save masks without loss, as PNG, and replace these."
    ),
    "BK215": (
        "These masks hold values beyond the list of classes. They may be a void index other than "
        "255, a class that was not declared, or colours that were blended where a mask was "
        "scaled. Losses fail on them, on a GPU without saying where. Name the void value with "
        "`--void-index`, declare the class, or scale masks without interpolation."
    ),
    "BK216": (
        "One class is expected of each row, and these carry none or several. In one-hot columns, "
        "exactly one must be set. If several labels in one row are meant, say `--task "
        "multilabel`. Until then the rows are left out."
    ),
    "BK217": (
        "A regression needs a finite number of each sample, and these labels are words, or "
        "infinite. They are left out, so the range and the median do not know them. Mend them; if "
        "the labels are names of classes, say `--task classification`."
    ),
    "BK218": (
        "The path leads out of the folder of the data set, by `..`, from the root, or through an "
        "archive. It is not followed, since data from elsewhere must not decide which files are "
        "read. Make the paths relative to the data set, and keep the files within it."
    ),
    "BK219": (
        "The list names pictures that are not on the disk. They are counted, as their labels are "
        "known, but a data loader fails at the first of them. Put them in place, give the right "
        "root folder, or take them out of the list."
    ),
    "BK220": (
        "These pictures have no file of annotations beside them. They are taken for background, "
        "as training scripts for YOLO do. Nobody can tell a picture without objects from one that "
        "was never annotated. Write an empty file for each that shows no object."
    ),
    "BK221": (
        "The data set offers no list of labels, so each sample was loaded, and decoded, to see "
        "its label. That is slow, and random augmentation runs for nothing. Give it an attribute "
        "`targets` with one class id a sample, or analyze the labels themselves."
    ),
    "BK222": (
        "The same class with the same place stands twice for one picture. Twins double the weight "
        "of an object in the loss, and in evaluation one of them counts as missed. They are "
        "counted once here. Delete the copies, which often come from joining two exports."
    ),
    "BK301": (
        "A picture and a mask of the same stem lie side by side, and only the picture is counted "
        "as a sample. Without that rule a folder of pictures with masks has twice its samples. If "
        "the files are the same picture in two formats, it is a copy: keep one. `--format masks` "
        "reads the masks as a segmentation."
    ),
    "BK302": (
        "Files and folders whose names begin with a dot, and those that systems leave behind, "
        "such as `.ipynb_checkpoints`, `__MACOSX` or `Thumbs.db`, are no samples. Simple loaders "
        "take such a folder for a class. They are counted here and left out everywhere else. "
        "Nothing need be done."
    ),
    "BK303": (
        "Files of another kind lie among the samples: in a folder of pictures, those without the "
        "suffix of a picture. They are left out and counted here, so that a set of `.dcm` or "
        "`.npy` files does not vanish unseen. Nothing "
        "need be done, unless they should be samples: then convert them, or read the labels from "
        "a table."
    ),
    "BK304": (
        "Within a class folder there are further folders, and their pictures count for the class "
        "above. That fits folders by date, camera or patient. If the inner folders are the "
        "classes, the path is one level too high: name the folder above them. Samples of one "
        "inner folder often resemble each other, so keep them in one split."
    ),
    "BK305": (
        "A crowd annotation (`iscrowd`) marks a group as one region. It is counted as one "
        "instance, as pycocotools counts it. Training commonly leaves crowds out, and evaluation "
        "neither rewards nor punishes what falls on them. Nothing need be done, but know that "
        "such a class has more objects than instances."
    ),
    "BK401": (
        "The shares of the classes, or of the values in a regression, differ between the measured "
        "split and another more than chance explains. The measure is the Jensen-Shannon "
        "divergence, in bits, 0 for the same shares and 1 for no class in common. Small splits "
        "always look shifted, so it is held against splits of the same sizes dealt from both "
        "together, whose 95th percentile is given; told is p < 0.01, if it is 0.002 bits beyond. "
        "Accuracy measured on the other split then mixes skill with its class shares. Split anew, "
        "stratified, report recall by class, or correct the prior. Sources: Lin 1991; Davison & "
        "Hinkley 1997, section 4.3."
    ),
    "BK402": (
        "The measured split has samples of these classes and the other split has none. What is "
        "learnt of them cannot be measured there, and averages over classes leave them out "
        "without saying so. It happens by chance to rare classes in splits that are not "
        "stratified. Move a few samples of each over, or report these classes as not measured."
    ),
    "BK403": (
        "The other split has samples of these classes, and the measured one has none. If the "
        "measured split is for training, a model cannot know them, and every such sample is an "
        "error. Sometimes a name is spelt in two ways. Give the training split samples of them, "
        "or take the classes out of the evaluation."
    ),
    "BK404": (
        "The same content, byte by byte, lies in the measured split and in another. What a model "
        "learnt by heart is then measured as skill, and rare classes gain most, as a few copies "
        "are much of them. Contents are compared by a hash of 128 bits (BLAKE2b), whatever the "
        "file is called. Remove the copies from one split, commonly from training. Barz & Denzler "
        "(2020) found that 3.3 % of CIFAR-10's and 10 % of CIFAR-100's test pictures have near "
        "copies in training."
    ),
    "BK405": (
        "These samples have the content of another of their class, so the class has fewer "
        "different samples than it seems. Copies weigh double in the loss, and a random split "
        "puts one into training and one into validation. The examples give the copies of each "
        "class, the class with the largest share first. Remove them, or keep all copies of a "
        "content in one split."
    ),
    "BK406": (
        "One content stands under two classes, so one of the labels is wrong, or both are right "
        "and the task is multi-label. Whatever a model answers, it is wrong once, which puts a "
        "ceiling on its accuracy. Decide for one class, or say `--task multilabel` if both hold. "
        "Nearly the same pictures are told apart from these, in BK411, as fine classes differ by "
        "little."
    ),
    "BK407": (
        "One measure of the picture, such as its brightness, size or sharpness, tells the class "
        "from all others: in more than 90 % of pairs of pictures it is on one side (AUC). A "
        "network finds that before it finds the object, and fails where the camera is another. "
        "Chance is ruled out by the test of Mann and Whitney (1947) at p < 0.001 over all classes "
        "and measures together. Take or scale pictures of all classes the same way, and test on "
        "pictures from elsewhere. Some differences are real: night scenes are dark. Source for "
        "the danger: Geirhos et al., Shortcut learning, 2020."
    ),
    "BK408": (
        "A recall measured on n samples is known only to an interval: at 80 %, ± 23 points for 10 "
        "samples, ± 11 for 50, ± 4 for 400. For these classes half the 95 % interval of Wilson "
        "(JASA 22, 1927) is above 15 points, so two models cannot be told apart by them. The "
        "validation split is taken, or else the test split. Hold out 25 samples of each class at "
        "least, use cross-validation, or report the intervals, as `balancekit.metrics` does."
    ),
    "BK409": (
        "Two pictures look nearly the same: their difference hashes differ in at most 6 of 64 "
        "bits, and the grey levels of 12 × 12 cells correlate at 0.97 or more, whatever their "
        "brightness. So do neighbouring frames, one thing in several exposures, or a picture that "
        "was scaled or compressed anew. In two splits they flatter the evaluation as copies do. "
        "It is a hint, not a proof; pictures without contrast are left out, as all of them look "
        "alike. Look at the examples, and split by film, patient or place instead of by picture. "
        "Source of the hash: Krawetz, Kind of like that, 2013."
    ),
    "BK410": (
        "Pictures of the measured split look nearly the same, by the measure of BK409. A random "
        "split of them puts one of a pair into training and the other into validation, which "
        "then measures what was learnt by heart. A class of many near copies also has fewer "
        "different samples than it seems. The number is that of contents beyond the first of "
        "each group. Keep each group in one split, as by film, patient or place; whether to thin "
        "them out depends on how they came to be."
    ),
    "BK411": (
        "Pictures that look nearly the same, by the measure of BK409, have no class in common. "
        "One of the labels may be wrong, as where a sheet was sorted by two people. It is not "
        "sure, unlike in BK406: classes that differ by a small mark look alike to this measure, "
        "and so do things photographed in one rig. Look at each group, and decide. The number is "
        "that of groups."
    ),
}
